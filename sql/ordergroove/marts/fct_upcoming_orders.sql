-- one row per item of an order that is still to be shipped
select
    int_order_items.item_id,
    int_order_items.order_id,
    int_order_items.customer_id,
    int_order_items.subscription_id,
    int_order_items.product_id,
    stg_products.product_name,
    int_order_items.status_code,
    int_order_items.place_date,
    dim_dates.week_start_date,
    int_order_items.place_date < int_as_of.as_of_date as is_overdue,
    dim_dates.day_number - int_as_of.as_of_day as days_ahead,
    int_order_items.quantity,
    int_order_items.total_price,
    int_order_items.currency_code,
    int_order_items.is_one_time,
    stg_addresses.country_code,
    stg_addresses.state_province_code
from int_order_items
cross join int_as_of
left join dim_dates on dim_dates.date_day = int_order_items.place_date
left join stg_products on stg_products.product_id = int_order_items.product_id
left join stg_addresses
    on stg_addresses.address_id = int_order_items.shipping_address_id
where int_order_items.is_open
