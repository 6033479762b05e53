-- one row per subscription
with numbered as (
    select
        subscription_id,
        start_date,
        end_date,
        is_current,
        spell_number,
        history_complete_from,
        min(start_date) over (partition by subscription_id) as first_start_date,
        max(spell_number) over (partition by subscription_id) as spells
    from int_subscription_spells
),
spells as (
    select
        subscription_id,
        start_date,
        end_date,
        is_current,
        spell_number,
        history_complete_from,
        first_start_date,
        spells
    from numbered
    where spell_number = spells
),
deliveries as (
    select
        subscription_id,
        sum(case when status_code = 5 then 1 else 0 end) as successful_orders,
        min(
            case when status_code in (1, 6, 11, 18) then place_date end
        ) as next_order_date
    from int_subscription_deliveries
    group by subscription_id
)
select
    stg_subscriptions.subscription_id,
    stg_subscriptions.customer_id,
    stg_subscriptions.product_id,
    stg_subscriptions.currency_code,
    stg_subscriptions.quantity,
    stg_subscriptions.every,
    stg_subscriptions.period_name,
    stg_subscriptions.frequency_days,
    int_subscription_values.monthly_factor,
    int_subscription_values.unit_value,
    int_subscription_values.value_source,
    -- what it brings a month at its own rhythm; 0 when it is over
    case
        when spells.is_current
            and spells.start_date <= int_as_of.as_of_date
            and int_subscription_values.monthly_factor is not null
            and int_subscription_values.unit_value is not null
            then cast(
                cast(
                    int_subscription_values.unit_value
                    * coalesce(
                        stg_subscriptions.quantity, int_subscription_values.quantity
                    ) as decimal(18, 4)
                )
                * int_subscription_values.monthly_factor as decimal(18, 4)
            )
        else 0
    end as mrr,
    stg_subscriptions.is_live,
    stg_subscriptions.prepaid_subscription_context
    ->> 'prepaid_orders_per_billing' is not null as is_prepaid,
    spells.first_start_date as start_date,
    spells.end_date,
    coalesce(spells.spells, 0) as spells,
    spells.history_complete_from,
    int_subscription_ends.cancel_reason_code,
    int_subscription_ends.churn_type,
    -- from its first day to its last, or to the newest one that is known
    coalesce(end_days.day_number, int_as_of.as_of_day)
    - start_days.day_number as tenure_days,
    cast(coalesce(deliveries.successful_orders, 0) as bigint) as successful_orders,
    deliveries.next_order_date,
    stg_subscriptions.created_at,
    stg_subscriptions.cancelled_at,
    stg_subscriptions.is_deleted
from stg_subscriptions
cross join int_as_of
left join spells on spells.subscription_id = stg_subscriptions.subscription_id
left join int_subscription_ends
    on int_subscription_ends.subscription_id = spells.subscription_id
    and int_subscription_ends.spell_number = spells.spell_number
left join int_subscription_values
    on int_subscription_values.subscription_id = stg_subscriptions.subscription_id
    and int_subscription_values.is_current
left join deliveries
    on deliveries.subscription_id = stg_subscriptions.subscription_id
left join dim_dates as start_days on start_days.date_day = spells.first_start_date
left join dim_dates as end_days on end_days.date_day = spells.end_date
