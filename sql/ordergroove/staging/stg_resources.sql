-- one row per resource
select
    public_id as resource_id,
    merchant as merchant_id,
    name as resource_name,
    external_resource_id,
    description,
    image_url,
    created_utc as created_at,
    cast(created as date) as created_date,
    last_updated_utc as updated_at,
    cast(last_updated as date) as updated_date,
    _synced_at as synced_at,
    _deleted_at as deleted_at,
    _deleted_at is not null as is_deleted,
    _unparsed is not null as has_unparsed
from resources
