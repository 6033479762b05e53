-- one row per customer
with spells as (
    select
        customer_id,
        min(start_date) as first_subscribed_date,
        max(start_date) as last_subscribed_date,
        max(case when is_current then 1 else 0 end) as open_spells,
        count(*) as spells
    from int_customer_spells
    group by customer_id
),
orders as (
    select
        customer_id,
        count(*) as successful_orders,
        count(distinct currency_code) as currencies,
        min(currency_code) as currency_code,
        sum(revenue) as revenue,
        min(place_date) as first_order_date,
        max(place_date) as last_order_date
    from int_orders
    where is_successful
    group by customer_id
)
select
    stg_customers.customer_id,
    stg_customers.created_at,
    stg_customers.created_date,
    spells.first_subscribed_date,
    spells.last_subscribed_date,
    dim_dates.month_start_date as cohort_month,
    coalesce(spells.open_spells, 0) = 1
    and spells.last_subscribed_date <= int_as_of.as_of_date as is_active,
    coalesce(spells.spells, 0) as spells,
    coalesce(orders.successful_orders, 0) as successful_orders,
    orders.first_order_date,
    orders.last_order_date,
    -- null for the few who paid in several currencies: those are not added up
    case when orders.currencies = 1 then orders.currency_code end as currency_code,
    case when orders.currencies = 1 then orders.revenue end as observed_ltv,
    stg_customers.first_name is null
    and stg_customers.last_name is null
    and stg_customers.email is null as is_redacted,
    stg_customers.is_deleted
from stg_customers
cross join int_as_of
left join spells on spells.customer_id = stg_customers.customer_id
left join orders on orders.customer_id = stg_customers.customer_id
left join dim_dates on dim_dates.date_day = spells.first_subscribed_date
