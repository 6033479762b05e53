-- active subscriptions by product: one row per product
select
    dim_subscriptions.product_id,
    -- null where the products were not synced
    dim_products.product_name,
    count(*) as active_subscriptions,
    count(distinct dim_subscriptions.customer_id) as subscribers,
    sum(dim_subscriptions.quantity) as units
from dim_subscriptions
cross join int_as_of
left join dim_products on dim_products.product_id = dim_subscriptions.product_id
where dim_subscriptions.end_date is null
    and dim_subscriptions.start_date <= int_as_of.as_of_date
group by
    dim_subscriptions.product_id,
    dim_products.product_name
order by
    active_subscriptions desc,
    dim_subscriptions.product_id
