-- failed orders by month: one row per month, outcome, reason and currency
-- in the month of `place`; who paid after all is in `fct_dunning`, not here
select
    dim_dates.month_start_date,
    fct_orders.status_name as outcome,
    coalesce(fct_orders.placement_reason, 'not told') as reason,
    fct_orders.currency_code,
    count(*) as orders,
    sum(fct_orders.revenue) as revenue_at_stake
from fct_orders
join dim_dates on dim_dates.date_day = fct_orders.place_date
-- sent, and neither successful nor on its first way
where fct_orders.status_code in (3, 12, 13, 14, 15, 18, 19, 20)
group by
    dim_dates.month_start_date,
    fct_orders.status_name,
    fct_orders.placement_reason,
    fct_orders.currency_code
order by
    dim_dates.month_start_date desc,
    orders desc,
    outcome,
    reason
