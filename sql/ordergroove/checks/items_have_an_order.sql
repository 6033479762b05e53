-- every item stands in an order that is known and was not deleted
-- a warning only: tables are read one after the other
select
    stg_items.item_id as record_key,
    case
        when stg_items.order_id is null then 'names no order'
        when stg_orders.order_id is null then 'its order is unknown'
        else 'its order was deleted'
    end as problem
from stg_items
left join stg_orders on stg_orders.order_id = stg_items.order_id
where not stg_items.is_deleted
    and (stg_orders.order_id is null or stg_orders.is_deleted)
