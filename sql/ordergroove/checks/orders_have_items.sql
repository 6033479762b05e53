-- every order that was sent or waits holds at least one item
-- a warning only: a list can be read an instant before its items
select
    order_id as record_key,
    'an order without items' as problem
from int_orders
where item_count = 0 and (is_open or is_sent)
