-- one row: the orders first attempted within the last 365 days
select
    sum(fct_placement_daily.orders_sent) as orders_sent,
    sum(fct_placement_daily.succeeded_first_try) as succeeded_first_try,
    sum(fct_placement_daily.succeeded_later) as succeeded_later,
    sum(fct_placement_daily.still_open) as still_open,
    sum(fct_placement_daily.rejected) as rejected,
    sum(fct_placement_daily.cancelled) as cancelled
from fct_placement_daily
cross join int_as_of
join dim_dates on dim_dates.date_day = fct_placement_daily.place_date
where dim_dates.day_number > int_as_of.as_of_day - 365
