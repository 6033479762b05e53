-- one row per spell of a subscription that ended: why
with ended as (
    select
        int_subscription_spells.subscription_id,
        int_subscription_spells.spell_number,
        int_subscription_spells.end_date,
        int_subscription_spells.end_evidence,
        dim_dates.day_number as end_day,
        row_number() over (
            partition by int_subscription_spells.subscription_id
            order by int_subscription_spells.spell_number desc
        ) as spells_after
    from int_subscription_spells
    join dim_dates on dim_dates.date_day = int_subscription_spells.end_date
),
last_orders as (
    select
        ended.subscription_id,
        ended.spell_number,
        int_subscription_deliveries.status_code,
        ended.end_day - dim_dates.day_number as days_before,
        row_number() over (
            partition by ended.subscription_id, ended.spell_number
            order by
                int_subscription_deliveries.place_date desc,
                int_subscription_deliveries.order_id desc
        ) as orders_back
    from ended
    join int_subscription_deliveries
        on int_subscription_deliveries.subscription_id = ended.subscription_id
        and int_subscription_deliveries.place_date <= ended.end_date
    join dim_dates on dim_dates.date_day = int_subscription_deliveries.place_date
    -- unsent and merged ones were not attempted
    where int_subscription_deliveries.status_code not in (1, 17)
)
select
    ended.subscription_id,
    ended.spell_number,
    ended.end_date,
    -- the reason stands on the subscription, as long as it is over
    case
        when ended.spells_after = 1 and not stg_subscriptions.is_live
            then stg_subscriptions.cancel_reason_code
    end as cancel_reason_code,
    case
        when last_orders.status_code in (3, 18) and last_orders.days_before <= 30
            then 'involuntary'
        when seed_cancel_reasons.churn_type is not null
            then seed_cancel_reasons.churn_type
        when ended.end_evidence = 'tombstone' then 'deleted'
        when ended.spells_after = 1
            and not stg_subscriptions.is_live
            and stg_subscriptions.cancel_reason_code is not null
            then 'voluntary'
        else 'unknown'
    end as churn_type
from ended
join stg_subscriptions on stg_subscriptions.subscription_id = ended.subscription_id
left join last_orders
    on last_orders.subscription_id = ended.subscription_id
    and last_orders.spell_number = ended.spell_number
    and last_orders.orders_back = 1
left join seed_cancel_reasons
    on seed_cancel_reasons.cancel_reason_code = stg_subscriptions.cancel_reason_code
    and ended.spells_after = 1
    and not stg_subscriptions.is_live
