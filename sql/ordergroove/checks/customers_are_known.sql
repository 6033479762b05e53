-- every customer that an order or a subscription names is in the table of customers
-- a warning only: tables are read one after the other
with named as (
    select
        customer_id,
        'an order names it' as problem
    from int_orders
    union
    select
        customer_id,
        'a subscription names it' as problem
    from stg_subscriptions
)
select
    coalesce(named.customer_id, '(null)') as record_key,
    named.problem
from named
left join stg_customers on stg_customers.customer_id = named.customer_id
where stg_customers.customer_id is null
