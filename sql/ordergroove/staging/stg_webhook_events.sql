-- one row per webhook event
select
    event_id,
    event_type,
    object_type,
    object_key,
    actor,
    happened_at,
    received_at
from webhook_events
