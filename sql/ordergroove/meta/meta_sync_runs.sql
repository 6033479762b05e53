-- one row per run and entity
select
    run_id,
    entity,
    command,
    status,
    started_at,
    finished_at,
    window_since_utc as window_since_at,
    window_opened_at_utc as window_opened_at,
    pages,
    "rows" as rows_read,
    deleted as rows_deleted,
    retries,
    -- what noticing deletions took, apart from the pages
    sweep_requests,
    swept_at,
    error
from sync_runs
