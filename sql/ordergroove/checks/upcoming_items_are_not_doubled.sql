-- fct_upcoming_orders has every item once
select
    item_id as record_key,
    cast(count(*) as text) || ' rows' as problem
from fct_upcoming_orders
group by item_id
having count(*) > 1
