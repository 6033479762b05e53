-- one row per subscription and order that holds something of it
select
    int_order_items.subscription_id,
    int_order_items.order_id,
    max(int_order_items.place_date) as place_date,
    max(int_order_items.status_code) as status_code,
    count(int_order_items.subscription_component_id) as components,
    cast(sum(int_order_items.quantity) as bigint) as units,
    sum(int_order_items.total_price) as line_total
from int_order_items
where int_order_items.subscription_id is not null
group by
    int_order_items.subscription_id,
    int_order_items.order_id
