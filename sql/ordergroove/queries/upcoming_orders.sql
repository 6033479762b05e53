-- orders and revenue to come: one row per horizon in days and currency
-- from the day up to which the warehouse knows; overdue orders are in both
with horizons as (
    select 14 as days
    union all
    select 30 as days
)
select
    horizons.days,
    fct_upcoming_orders.currency_code,
    count(distinct fct_upcoming_orders.order_id) as orders,
    sum(fct_upcoming_orders.quantity) as units,
    sum(fct_upcoming_orders.total_price) as revenue
from fct_upcoming_orders
join horizons on horizons.days > fct_upcoming_orders.days_ahead
group by
    horizons.days,
    fct_upcoming_orders.currency_code
order by
    horizons.days,
    fct_upcoming_orders.currency_code
