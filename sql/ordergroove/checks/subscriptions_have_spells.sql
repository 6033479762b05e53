-- every subscription has a beginning on a day that dim_dates knows
select
    stg_subscriptions.subscription_id as record_key,
    case
        when int_subscription_spells.start_date is null then 'no beginning'
        else 'begins outside of dim_dates'
    end as problem
from stg_subscriptions
left join int_subscription_spells
    on int_subscription_spells.subscription_id = stg_subscriptions.subscription_id
    and int_subscription_spells.spell_number = 1
left join dim_dates on dim_dates.date_day = int_subscription_spells.start_date
where dim_dates.date_day is null
