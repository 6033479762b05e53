-- one row per item that was not deleted, of an order that was not
select
    item_id,
    order_id,
    subscription_id,
    product_id,
    customer_id,
    offer_id,
    currency_code,
    status_code,
    is_open,
    is_sent,
    is_successful,
    place_date,
    quantity,
    price,
    total_price,
    is_one_time,
    first_placed_at
from int_order_items
