-- end = start + new + reactivated - cancelled, for every product and day
with days as (
    select
        product_id,
        date_day,
        subscriptions_at_start,
        new_subscriptions,
        reactivated_subscriptions,
        cancelled_subscriptions,
        subscriptions_at_end,
        lag(subscriptions_at_end) over (
            partition by product_id order by date_day
        ) as end_before
    from fct_subscriptions_daily
)
select
    product_id || ' ' || cast(date_day as text) as record_key,
    'does not add up' as problem
from days
where subscriptions_at_end
    <> subscriptions_at_start
    + new_subscriptions
    + reactivated_subscriptions
    - cancelled_subscriptions
    or subscriptions_at_start <> coalesce(end_before, 0)
    or subscriptions_at_end < 0
