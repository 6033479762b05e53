-- one row per item that was not deleted, of an order that was not
-- slow: every item with its order and subscription
select
    stg_items.item_id,
    stg_items.order_id,
    stg_items.subscription_id,
    stg_items.subscription_component_id,
    stg_items.offer_id,
    -- a rotating product is not named before its order is placed
    coalesce(stg_items.product_id, stg_subscriptions.product_id) as product_id,
    stg_orders.customer_id,
    stg_orders.shipping_address_id,
    stg_orders.currency_code,
    stg_orders.status_code,
    coalesce(stg_orders.is_open, 1 = 0) as is_open,
    coalesce(stg_orders.is_sent, stg_orders.status_code is not null) as is_sent,
    coalesce(stg_orders.status_code = 5, 1 = 0) as is_successful,
    stg_orders.place_date,
    stg_items.quantity,
    stg_items.price,
    stg_items.extra_cost,
    stg_items.total_price,
    coalesce(stg_items.is_one_time, stg_items.subscription_id is null) as is_one_time,
    stg_items.first_placed_at,
    stg_items.first_placed_date
from stg_items
join stg_orders on stg_orders.order_id = stg_items.order_id
left join stg_subscriptions
    on stg_subscriptions.subscription_id = stg_items.subscription_id
where not stg_items.is_deleted and not stg_orders.is_deleted
