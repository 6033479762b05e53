-- the days of dim_dates follow each other without a gap and last 23 to 25 hours
with days as (
    select
        date_day,
        day_number,
        hours,
        starts_at,
        lag(day_number) over (order by date_day) as number_before,
        lag(ends_at) over (order by date_day) as ended_before_at
    from dim_dates
)
select
    cast(date_day as text) as record_key,
    'not the day after the one before' as problem
from days
where day_number <> number_before + 1
    or starts_at <> ended_before_at
    or hours < 23
    or hours > 25
