-- one row per week and product; products beyond the seven with most units are one
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
        coalesce(fct_upcoming_orders.product_id, '(unknown)') as product_id,
        coalesce(
            fct_upcoming_orders.product_name,
            fct_upcoming_orders.product_id,
            '(unknown)'
        ) as product_name,
        fct_upcoming_orders.order_id,
        fct_upcoming_orders.quantity
    from fct_upcoming_orders
    cross join today
    where fct_upcoming_orders.days_ahead < 91
),
products as (
    select
        product_id,
        sum(quantity) as units
    from waiting
    group by product_id
),
ranked as (
    select
        product_id,
        row_number() over (order by units desc, product_id) as place
    from products
),
named as (
    select
        waiting.week_start_date,
        case when ranked.place <= 7 then ranked.place else 8 end as place,
        case when ranked.place <= 7 then waiting.product_name else 'all others' end
            as product_name,
        waiting.order_id,
        waiting.quantity
    from waiting
    join ranked on ranked.product_id = waiting.product_id
)
select
    week_start_date,
    product_name,
    count(distinct order_id) as orders,
    sum(quantity) as units
from named
group by
    week_start_date,
    place,
    product_name
order by
    week_start_date,
    place
