-- every order has a status that seed_order_statuses explains
select
    int_orders.order_id as record_key,
    'status ' || coalesce(cast(int_orders.status_code as text), 'null') as problem
from int_orders
left join seed_order_statuses
    on seed_order_statuses.status_code = int_orders.status_code
where seed_order_statuses.status_code is null
