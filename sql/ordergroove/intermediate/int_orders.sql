-- one row per order that was not deleted
-- slow: every order with its items
with items_of_orders as (
    select
        order_id,
        count(*) as item_count,
        cast(sum(quantity) as bigint) as units,
        sum(total_price) as items_total,
        max(first_placed_date) as success_date
    from stg_items
    where not is_deleted
    group by order_id
),
codes as (
    -- the message is `140: some text`, or JSON that holds "140"
    select
        stg_orders.order_id,
        min(seed_placement_codes.placement_code) as placement_code
    from stg_orders
    join seed_placement_codes
        on stg_orders.rejected_message like seed_placement_codes.code_first
        or stg_orders.rejected_message like seed_placement_codes.code_quoted
    where stg_orders.rejected_message is not null
    group by stg_orders.order_id
)
select
    stg_orders.order_id,
    stg_orders.customer_id,
    stg_orders.shipping_address_id,
    stg_orders.currency_code,
    stg_orders.status_code,
    coalesce(stg_orders.status_name, 'unknown') as status_name,
    coalesce(stg_orders.is_open, 1 = 0) as is_open,
    -- a code that nobody has explained yet is not 1, and perhaps not over
    coalesce(stg_orders.is_sent, stg_orders.status_code is not null) as is_sent,
    coalesce(stg_orders.is_final, 1 = 0) as is_final,
    coalesce(stg_orders.status_code = 5, 1 = 0) as is_successful,
    stg_orders.created_at,
    stg_orders.created_date,
    stg_orders.placed_at,
    stg_orders.place_date,
    stg_orders.cancelled_at,
    stg_orders.cancelled_date,
    items_of_orders.success_date,
    coalesce(stg_orders.tries, 0) as tries,
    coalesce(stg_orders.generic_error_count, 0) as generic_error_count,
    codes.placement_code,
    seed_placement_codes.placement_reason,
    coalesce(seed_placement_codes.is_payment, 1 = 0) as is_payment_code,
    coalesce(
        stg_orders.sub_total,
        stg_orders.total - stg_orders.shipping_total - stg_orders.tax_total
    ) as revenue,
    stg_orders.tax_total,
    stg_orders.shipping_total,
    stg_orders.discount_total,
    stg_orders.total,
    coalesce(items_of_orders.item_count, 0) as item_count,
    coalesce(items_of_orders.units, 0) as units,
    items_of_orders.items_total,
    int_order_merges.merged_into_order_id,
    stg_orders.merchant_order_id
from stg_orders
left join items_of_orders on items_of_orders.order_id = stg_orders.order_id
left join codes on codes.order_id = stg_orders.order_id
left join seed_placement_codes
    on seed_placement_codes.placement_code = codes.placement_code
left join int_order_merges on int_order_merges.order_id = stg_orders.order_id
where not stg_orders.is_deleted
