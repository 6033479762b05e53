-- one row per reason to cancel and application
select
    cancel_reason as cancel_reason_code,
    application,
    _synced_at as synced_at,
    _deleted_at as deleted_at,
    _deleted_at is not null as is_deleted,
    _unparsed is not null as has_unparsed
from cancel_reasons
