-- one row per thing that happened to a subscription
with versions as (
    select
        subscription_id,
        product_id,
        quantity,
        every,
        period_code,
        updated_at,
        synced_at,
        lag(product_id) over (
            partition by subscription_id order by synced_at
        ) as product_before,
        lag(quantity) over (
            partition by subscription_id order by synced_at
        ) as quantity_before,
        lag(every) over (
            partition by subscription_id order by synced_at
        ) as every_before,
        lag(period_code) over (
            partition by subscription_id order by synced_at
        ) as period_before,
        row_number() over (
            partition by subscription_id order by synced_at
        ) as version_number
    from stg_subscriptions_history
),
happened as (
    select
        event_id,
        object_key as subscription_id,
        event_type,
        actor,
        happened_at,
        'webhook' as source,
        cast(null as text) as value_before,
        cast(null as text) as value_after
    from stg_webhook_events
    where object_type = 'subscription'
    union all
    select
        subscription_id || ':' || cast(spell_number as text) || ':start' as event_id,
        subscription_id,
        case
            when spell_number = 1 then 'subscription.create'
            else 'subscription.reactivate'
        end as event_type,
        cast(null as text) as actor,
        started_at as happened_at,
        start_evidence as source,
        cast(null as text) as value_before,
        cast(null as text) as value_after
    from int_subscription_spells
    where start_evidence <> 'event'
    union all
    select
        subscription_id || ':' || cast(spell_number as text) || ':end' as event_id,
        subscription_id,
        'subscription.cancel' as event_type,
        cast(null as text) as actor,
        ended_at as happened_at,
        end_evidence as source,
        cast(null as text) as value_before,
        cast(null as text) as value_after
    from int_subscription_spells
    where end_evidence <> 'event'
    union all
    select
        subscription_id
        || ':'
        || cast(version_number as text)
        || ':product' as event_id,
        subscription_id,
        'subscription.sku_swap' as event_type,
        cast(null as text) as actor,
        updated_at as happened_at,
        'poll_diff' as source,
        product_before as value_before,
        product_id as value_after
    from versions
    where product_id <> product_before
    union all
    select
        subscription_id
        || ':'
        || cast(version_number as text)
        || ':quantity' as event_id,
        subscription_id,
        'subscription.change_quantity' as event_type,
        cast(null as text) as actor,
        updated_at as happened_at,
        'poll_diff' as source,
        cast(quantity_before as text) as value_before,
        cast(quantity as text) as value_after
    from versions
    where quantity <> quantity_before
    union all
    select
        subscription_id
        || ':'
        || cast(version_number as text)
        || ':frequency' as event_id,
        subscription_id,
        'subscription.change_frequency' as event_type,
        cast(null as text) as actor,
        updated_at as happened_at,
        'poll_diff' as source,
        cast(every_before as text)
        || '/'
        || cast(period_before as text) as value_before,
        cast(every as text) || '/' || cast(period_code as text) as value_after
    from versions
    where every <> every_before or period_code <> period_before
)
select
    happened.event_id,
    happened.subscription_id,
    stg_subscriptions.customer_id,
    happened.event_type,
    happened.actor,
    happened.source,
    happened.happened_at,
    dim_dates.date_day as happened_date,
    happened.value_before,
    happened.value_after
from happened
left join stg_subscriptions
    on stg_subscriptions.subscription_id = happened.subscription_id
left join dim_dates
    on happened.happened_at >= dim_dates.starts_at
    and happened.happened_at < dim_dates.ends_at
