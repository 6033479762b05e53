-- one row per one-time incentive
select
    public_id as incentive_id,
    external_code,
    description,
    merchant as merchant_id,
    customer as customer_id,
    "order" as order_id,
    item as item_id,
    created_utc as created_at,
    cast(created as date) as created_date,
    last_updated_utc as updated_at,
    cast(last_updated as date) as updated_date,
    applied_at_utc as applied_at,
    cast(applied_at as date) as applied_date,
    expires_utc as expires_at,
    cast(expires as date) as expires_date,
    stacking_type,
    incentive,
    _synced_at as synced_at,
    _deleted_at as deleted_at,
    _deleted_at is not null as is_deleted,
    _unparsed is not null as has_unparsed
from one_time_incentives
