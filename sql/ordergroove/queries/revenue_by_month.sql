-- revenue by month: one row per month and currency
-- of successful orders, in the month of `place`; without tax and shipping
select
    dim_dates.month_start_date,
    fct_orders.currency_code,
    count(*) as orders,
    sum(fct_orders.revenue) as revenue
from fct_orders
join dim_dates on dim_dates.date_day = fct_orders.place_date
where fct_orders.is_successful
group by dim_dates.month_start_date, fct_orders.currency_code
order by dim_dates.month_start_date desc, fct_orders.currency_code
