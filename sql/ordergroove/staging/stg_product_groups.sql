-- one row per group of products
select
    name as group_name,
    group_type,
    _synced_at as synced_at,
    _deleted_at as deleted_at,
    _deleted_at is not null as is_deleted,
    _unparsed is not null as has_unparsed
from product_groups
