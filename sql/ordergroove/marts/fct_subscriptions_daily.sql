-- one row per product and day, from its first subscription to the newest known day
-- slow: grows with products times days
with moves as (
    select
        product_id,
        start_date as date_day,
        case when spell_number = 1 then 1 else 0 end as new_subscriptions,
        case when spell_number > 1 then 1 else 0 end as reactivated_subscriptions,
        0 as cancelled_subscriptions
    from int_subscription_spells
    where is_counted
    union all
    select
        product_id,
        end_date as date_day,
        0 as new_subscriptions,
        0 as reactivated_subscriptions,
        1 as cancelled_subscriptions
    from int_subscription_spells
    where is_counted and end_date is not null
),
moved as (
    select
        coalesce(product_id, '(unknown)') as product_id,
        date_day,
        sum(new_subscriptions) as new_subscriptions,
        sum(reactivated_subscriptions) as reactivated_subscriptions,
        sum(cancelled_subscriptions) as cancelled_subscriptions
    from moves
    group by
        coalesce(product_id, '(unknown)'),
        date_day
),
products as (
    select
        product_id,
        min(date_day) as first_date
    from moved
    group by product_id
),
days as (
    select
        products.product_id,
        dim_dates.date_day,
        dim_dates.date_day < int_as_of.as_of_date as is_complete,
        coalesce(moved.new_subscriptions, 0) as new_subscriptions,
        coalesce(moved.reactivated_subscriptions, 0) as reactivated_subscriptions,
        coalesce(moved.cancelled_subscriptions, 0) as cancelled_subscriptions
    from products
    cross join int_as_of
    join dim_dates
        on dim_dates.date_day >= products.first_date
        and dim_dates.date_day <= int_as_of.as_of_date
    left join moved
        on moved.product_id = products.product_id
        and moved.date_day = dim_dates.date_day
),
summed as (
    select
        product_id,
        date_day,
        is_complete,
        new_subscriptions,
        reactivated_subscriptions,
        cancelled_subscriptions,
        sum(
            new_subscriptions + reactivated_subscriptions - cancelled_subscriptions
        ) over (
            partition by product_id
            order by date_day
            rows between unbounded preceding and current row
        ) as subscriptions_at_end
    from days
)
select
    product_id,
    date_day,
    is_complete,
    cast(
        subscriptions_at_end
        - new_subscriptions
        - reactivated_subscriptions
        + cancelled_subscriptions as bigint
    ) as subscriptions_at_start,
    cast(new_subscriptions as bigint) as new_subscriptions,
    cast(reactivated_subscriptions as bigint) as reactivated_subscriptions,
    cast(cancelled_subscriptions as bigint) as cancelled_subscriptions,
    cast(subscriptions_at_end as bigint) as subscriptions_at_end
from summed
