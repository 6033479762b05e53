-- one row per week and currency
with today as (
    select dim_dates.week_start_date as this_week
    from int_as_of
    join dim_dates on dim_dates.date_day = int_as_of.as_of_date
),
waiting as (
    select
        -- what is overdue is due now
        case
            when fct_upcoming_orders.is_overdue then today.this_week
            else fct_upcoming_orders.week_start_date
        end as week_start_date,
        fct_upcoming_orders.currency_code,
        fct_upcoming_orders.order_id,
        fct_upcoming_orders.total_price
    from fct_upcoming_orders
    cross join today
    where fct_upcoming_orders.days_ahead < 91
)
select
    week_start_date,
    currency_code,
    count(distinct order_id) as orders,
    sum(total_price) as revenue
from waiting
group by
    week_start_date,
    currency_code
order by
    currency_code,
    week_start_date
