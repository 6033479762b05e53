-- one row per version of a subscription that a sync has seen
select
    public_id as subscription_id,
    customer as customer_id,
    product as product_id,
    quantity,
    every,
    every_period as period_code,
    live as is_live,
    cancelled_utc as cancelled_at,
    cast(cancelled as date) as cancelled_date,
    updated_utc as updated_at,
    cast(updated as date) as updated_date,
    _synced_at as synced_at
from subscriptions_history
-- what has `_deleted_at` tells of the end of a version
where _deleted_at is null
