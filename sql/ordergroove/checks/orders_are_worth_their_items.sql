-- the items of a successful order add up to its revenue, a cent an item aside
select
    order_id as record_key,
    'revenue and items are apart' as problem
from int_orders
where is_successful
    and item_count > 0
    and (
        revenue - items_total > 0.01 * item_count
        or items_total - revenue > 0.01 * item_count
        or revenue is null
        or items_total is null
    )
