-- one row: up to when, and since when, the warehouse knows
with newest_read as (select max(opened_at) as opened_at from sync_windows),
rows_seen as (select max(synced_at) as synced_at from stg_subscriptions),
witnesses as (
    select min(received_at) as known_from
    from stg_webhook_events
    where object_type = 'subscription'
    union all
    select min(synced_at) as known_from
    from stg_subscriptions_history
),
known as (select min(known_from) as history_complete_from from witnesses),
moments as (
    select
        coalesce(newest_read.opened_at, rows_seen.synced_at) as as_of_at,
        known.history_complete_from
    from newest_read
    cross join rows_seen
    cross join known
)
-- there is one row anyway; `max` keeps engines from joining all days to all days
select
    max(moments.as_of_at) as as_of_at,
    max(dim_dates.date_day) as as_of_date,
    max(dim_dates.day_number) as as_of_day,
    max(dim_dates.month_number) as as_of_month,
    -- null: neither events nor versions are kept, earlier spells have no trace
    max(moments.history_complete_from) as history_complete_from
from moments
left join dim_dates
    on moments.as_of_at >= dim_dates.starts_at
    and moments.as_of_at < dim_dates.ends_at
