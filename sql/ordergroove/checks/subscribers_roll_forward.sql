-- end = start + new + reactivated - cancelled, and each day starts where one ended
with days as (
    select
        date_day,
        subscribers_at_start,
        new_subscribers,
        reactivated_subscribers,
        cancelled_subscribers,
        subscribers_at_end,
        lag(subscribers_at_end) over (order by date_day) as end_before
    from fct_subscribers_daily
)
select
    cast(date_day as text) as record_key,
    'does not add up' as problem
from days
where subscribers_at_end
    <> subscribers_at_start
    + new_subscribers
    + reactivated_subscribers
    - cancelled_subscribers
    or subscribers_at_start <> coalesce(end_before, 0)
    or subscribers_at_end < 0
