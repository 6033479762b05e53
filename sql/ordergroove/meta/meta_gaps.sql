-- one row per entity and stretch of change time that no window has read
with windows_read as (
    select
        entity,
        since as from_at,
        "until" as to_at,
        max("until") over (
            partition by entity
            order by
                case when since is null then 0 else 1 end,
                since,
                "until"
            rows between unbounded preceding and 1 preceding
        ) as covered_to_at
    from sync_windows
)
select
    entity,
    -- null: from the beginning
    covered_to_at as gap_from_at,
    from_at as gap_to_at
from windows_read
where from_at is not null and (covered_to_at is null or from_at > covered_to_at)
