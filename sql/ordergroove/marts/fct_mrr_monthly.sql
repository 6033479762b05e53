-- one row per month, product and currency
-- slow: every subscription, item and month
with amounts as (
    select
        month_number,
        product_id,
        currency_code,
        mrr as run_rate,
        1 as subscriptions,
        0 as realised
    from int_subscription_months
    union all
    select
        dim_dates.month_number,
        int_order_items.product_id,
        int_order_items.currency_code,
        0 as run_rate,
        0 as subscriptions,
        int_order_items.total_price as realised
    from int_order_items
    join dim_dates on dim_dates.date_day = int_order_items.place_date
    where int_order_items.is_successful
),
summed as (
    select
        month_number,
        product_id,
        currency_code,
        cast(sum(subscriptions) as bigint) as active_subscriptions,
        cast(sum(run_rate) as decimal(18, 4)) as run_rate,
        cast(coalesce(sum(realised), 0) as decimal(18, 4)) as realised
    from amounts
    group by
        month_number,
        product_id,
        currency_code
),
months as (
    select distinct
        month_number,
        month_start_date
    from dim_dates
)
select
    months.month_start_date,
    summed.product_id,
    summed.currency_code,
    summed.active_subscriptions,
    -- what the subscriptions bring a month at their own rhythm
    summed.run_rate,
    -- what the month's successful orders brought
    summed.realised,
    cast(
        summed.realised / nullif(summed.run_rate, 0) + 0.00000001 as decimal(18, 6)
    ) as realised_share,
    summed.month_number < int_as_of.as_of_month as is_complete
from summed
join months on months.month_number = summed.month_number
cross join int_as_of
