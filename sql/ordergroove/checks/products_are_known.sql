-- every product that an item or a subscription names is in the table of products
-- a warning only: merchants may leave products out of the sync
with named as (
    select product_id
    from int_order_items
    union
    select product_id
    from stg_subscriptions
)
select
    coalesce(named.product_id, '(null)') as record_key,
    'an unknown product' as problem
from named
left join stg_products on stg_products.product_id = named.product_id
where stg_products.product_id is null
