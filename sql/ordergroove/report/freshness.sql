-- one row per entity, the stalest first
select
    entity,
    last_read_at,
    last_attempt_at,
    last_status,
    last_rows
from meta_freshness
order by
    case when last_read_at is null then 0 else 1 end,
    last_read_at,
    entity
