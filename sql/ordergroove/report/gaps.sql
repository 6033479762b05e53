-- one row per entity and stretch of change time that no window has read
select
    entity,
    gap_from_at,
    gap_to_at
from meta_gaps
order by
    entity,
    gap_to_at
