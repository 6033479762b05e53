-- one row per start or end of a subscription that anything tells of
with versions as (
    select
        subscription_id,
        is_live,
        cancelled_at,
        cancelled_date,
        updated_at,
        updated_date,
        lag(is_live) over (partition by subscription_id order by synced_at) as was_live
    from stg_subscriptions_history
),
instants as (
    -- events and tombstones know an instant only; their day is looked up
    select
        object_key as subscription_id,
        case
            when event_type = 'subscription.cancel' then 'end'
            else 'start'
        end as change,
        happened_at as changed_at,
        'event' as evidence
    from stg_webhook_events
    where event_type in (
        'subscription.cancel', 'subscription.reactivate', 'subscription.change_live'
    )
    union all
    select
        subscription_id,
        'end' as change,
        deleted_at as changed_at,
        'tombstone' as evidence
    from stg_subscriptions
    where is_deleted
),
changes as (
    select
        subscription_id,
        'start' as change,
        created_at as changed_at,
        coalesce(start_date, created_date) as changed_date,
        'snapshot' as evidence,
        0 as place
    from stg_subscriptions
    union all
    select
        subscription_id,
        'end' as change,
        coalesce(cancelled_at, updated_at) as changed_at,
        coalesce(cancelled_date, updated_date) as changed_date,
        'snapshot' as evidence,
        1 as place
    from stg_subscriptions
    where not is_live
    union all
    -- live again after an end that an event or a version told of
    select
        subscription_id,
        'start' as change,
        updated_at as changed_at,
        updated_date as changed_date,
        'snapshot' as evidence,
        1 as place
    from stg_subscriptions
    where is_live
    union all
    select
        subscription_id,
        'end' as change,
        cancelled_at as changed_at,
        cancelled_date as changed_date,
        'poll_diff' as evidence,
        1 as place
    from versions
    where not is_live
    union all
    select
        subscription_id,
        'start' as change,
        updated_at as changed_at,
        updated_date as changed_date,
        'poll_diff' as evidence,
        1 as place
    from versions
    where is_live and not was_live
    union all
    select
        instants.subscription_id,
        instants.change,
        instants.changed_at,
        dim_dates.date_day as changed_date,
        instants.evidence,
        1 as place
    from instants
    join dim_dates
        on instants.changed_at >= dim_dates.starts_at
        and instants.changed_at < dim_dates.ends_at
)
select
    changes.subscription_id,
    changes.change,
    changes.changed_at,
    changes.changed_date,
    changes.evidence,
    -- the first start comes first, whatever its stamp says
    row_number() over (
        partition by changes.subscription_id
        order by changes.place, changes.changed_at, changes.change, changes.evidence
    ) as change_number
from changes
join stg_subscriptions on stg_subscriptions.subscription_id = changes.subscription_id
where changes.changed_date is not null
    and (changes.place = 0 or changes.changed_at is not null)
