-- one row per row of an order report: an item of an order as that file told it
-- no bridge to the API's orders and items: the report lacks their ids; customer and
-- product are named as in the API, an order that is over by the shop's own id of it
with newest as (
    select
        ordergroove_order_id,
        max(file_stamp) as file_stamp
    from sftp_orders
    group by ordergroove_order_id
),

newest_files as (
    select
        told.ordergroove_order_id,
        max(told.file_name) as file_name
    from sftp_orders as told
    join newest
        on newest.ordergroove_order_id = told.ordergroove_order_id
        and newest.file_stamp = told.file_stamp
    group by told.ordergroove_order_id
)

select
    told.ordergroove_order_id,
    told.order_item_id as ordergroove_item_id,
    told.ordergroove_subscription_id,
    told.merchant_user_id as customer_id,
    told.ordergroove_user_id,
    told.merchant as merchant_name,
    told.merchant_order_id,
    told.place_date,
    told.order_status as status_name,
    told.rejected_error_code as placement_code,
    told.email_address as email,
    told.first_name,
    told.last_name,
    told.external_product_id as product_id,
    told.product as product_name,
    told.sku,
    told.quantity,
    told.price,
    -- repeated on every row of an order
    told.order_subtotal as order_sub_total,
    -- all rows of an order in the newest file that has it
    told.file_name = newest_files.file_name as is_latest,
    told.other_columns,
    told.file_name,
    told."row_number" as file_row_number,
    told.file_stamp as file_local,
    told.file_kind,
    told.business_day as business_date,
    told._unparsed is not null as has_unparsed
from sftp_orders as told
left join newest_files
    on newest_files.ordergroove_order_id = told.ordergroove_order_id
