-- one row per month, the newest one as far as it is known
select
    dim_dates.month_start_date,
    sum(fct_subscribers_daily.new_subscribers) as new_subscribers,
    sum(fct_subscribers_daily.reactivated_subscribers) as reactivated_subscribers,
    sum(fct_subscribers_daily.cancelled_subscribers) as cancelled_subscribers
from fct_subscribers_daily
join dim_dates on dim_dates.date_day = fct_subscribers_daily.date_day
group by dim_dates.month_start_date
order by dim_dates.month_start_date
