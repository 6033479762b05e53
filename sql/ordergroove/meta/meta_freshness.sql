-- one row per entity: how fresh its table is
with attempts as (
    select
        entity,
        status,
        started_at,
        "rows" as rows_read,
        case when status = 'done' then window_opened_at_utc end as read_at,
        row_number() over (partition by entity order by started_at desc) as attempts_ago
    from sync_runs
)
select
    entity,
    -- what changed after it is not in
    max(read_at) as last_read_at,
    max(started_at) as last_attempt_at,
    max(case when attempts_ago = 1 then status end) as last_status,
    max(case when attempts_ago = 1 then rows_read end) as last_rows
from attempts
group by entity
