-- one row per subscription and stretch of days in which one delivery tells its value
-- slow: everything that counts money by month rests on it
with rhythms as (
    select
        stg_subscriptions.subscription_id,
        stg_subscriptions.product_id,
        stg_subscriptions.quantity,
        stg_subscriptions.price,
        int_numbers.whole_number as orders_per_billing,
        -- a hair above, so that every engine rounds the same way
        cast(
            case
                when stg_subscriptions.every > 0
                    and seed_periods.periods_per_month is not null
                    then seed_periods.periods_per_month / stg_subscriptions.every
                        + 0.0000000001
                when stg_subscriptions.frequency_days > 0
                    then 30.437500000000 / stg_subscriptions.frequency_days
                        + 0.0000000001
            end as decimal(18, 8)
        ) as monthly_factor
    from stg_subscriptions
    left join seed_periods on seed_periods.period_code = stg_subscriptions.period_code
    left join int_numbers
        on cast(int_numbers.whole_number as text)
        = stg_subscriptions.prepaid_subscription_context
        ->> 'prepaid_orders_per_billing'
),
deliveries as (
    select
        rhythms.subscription_id,
        int_subscription_deliveries.order_id,
        int_subscription_deliveries.place_date,
        int_subscription_deliveries.status_code = 5 as is_successful,
        case
            when int_subscription_deliveries.components > 0 then rhythms.quantity
            else int_subscription_deliveries.units
        end as quantity,
        -- one delivery in so many is paid, for all of them
        int_subscription_deliveries.line_total
        / coalesce(rhythms.orders_per_billing, 1) as line_value
    from rhythms
    join int_subscription_deliveries
        on int_subscription_deliveries.subscription_id = rhythms.subscription_id
    where int_subscription_deliveries.place_date is not null
        and int_subscription_deliveries.status_code in (1, 5, 6, 11, 18)
        and (
            rhythms.orders_per_billing is null
            or int_subscription_deliveries.line_total > 0
        )
),
successes as (
    select
        subscription_id,
        row_number() over (
            partition by subscription_id order by place_date, order_id
        ) as delivery_number,
        place_date as from_date,
        lead(place_date) over (
            partition by subscription_id order by place_date, order_id
        ) as to_date,
        quantity,
        line_value
    from deliveries
    where is_successful and quantity > 0
),
unsent as (
    select
        subscription_id,
        quantity,
        line_value,
        row_number() over (
            partition by subscription_id order by place_date, order_id
        ) as delivery_number
    from deliveries
    where not is_successful and quantity > 0
),
valued as (
    select
        rhythms.subscription_id,
        rhythms.monthly_factor,
        coalesce(successes.delivery_number, 1) as value_number,
        case
            when coalesce(successes.delivery_number, 1) > 1 then successes.from_date
            else cast('1900-01-01' as date)
        end as from_date,
        coalesce(successes.to_date, cast('9999-12-31' as date)) as to_date,
        coalesce(successes.quantity, unsent.quantity, rhythms.quantity) as quantity,
        case
            when successes.subscription_id is not null then 'order'
            when unsent.subscription_id is not null then 'unsent order'
            when rhythms.price is not null then 'subscription price'
            when stg_products.price is not null then 'product price'
            else 'none'
        end as value_source,
        cast(
            case
                when successes.subscription_id is not null
                    then successes.line_value / successes.quantity + 0.0000001
                when unsent.subscription_id is not null
                    then unsent.line_value / unsent.quantity + 0.0000001
                else coalesce(rhythms.price, stg_products.price)
            end as decimal(18, 4)
        ) as unit_value
    from rhythms
    left join successes on successes.subscription_id = rhythms.subscription_id
    left join unsent
        on unsent.subscription_id = rhythms.subscription_id
        and unsent.delivery_number = 1
    left join stg_products on stg_products.product_id = rhythms.product_id
)
select
    subscription_id,
    value_number,
    from_date,
    to_date,
    monthly_factor,
    quantity,
    unit_value,
    value_source,
    to_date = cast('9999-12-31' as date) as is_current
from valued
