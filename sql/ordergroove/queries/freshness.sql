-- freshness of the tables: one row per entity, the stalest first
-- what changed after `last_read_at` (UTC) is not in
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
