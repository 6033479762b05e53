-- one row per day
select
    date_day,
    subscribers_at_end
from fct_subscribers_daily
order by date_day
