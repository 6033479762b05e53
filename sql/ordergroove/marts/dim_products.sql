-- one row per product
with active as (
    select
        int_subscription_spells.product_id,
        count(*) as active_subscriptions,
        count(distinct int_subscription_spells.customer_id) as subscribers,
        cast(sum(stg_subscriptions.quantity) as bigint) as units
    from int_subscription_spells
    join stg_subscriptions
        on stg_subscriptions.subscription_id = int_subscription_spells.subscription_id
    cross join int_as_of
    where int_subscription_spells.is_current
        and int_subscription_spells.start_date <= int_as_of.as_of_date
    group by int_subscription_spells.product_id
)
select
    stg_products.product_id,
    stg_products.product_name,
    stg_products.sku,
    stg_products.product_type,
    stg_products.price,
    stg_products.is_live as is_in_stock,
    stg_products.is_discontinued,
    stg_products.is_autoship_enabled,
    coalesce(active.active_subscriptions, 0) as active_subscriptions,
    coalesce(active.subscribers, 0) as subscribers,
    coalesce(active.units, 0) as units,
    stg_products.is_deleted
from stg_products
left join active on active.product_id = stg_products.product_id
