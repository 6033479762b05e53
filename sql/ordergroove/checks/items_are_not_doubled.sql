-- fct_order_items has every item once
select
    item_id as record_key,
    cast(count(*) as text) || ' rows' as problem
from fct_order_items
group by item_id
having count(*) > 1
