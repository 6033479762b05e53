-- one row per thing that a customer changed, as far as it left a trace
with acts as (
    select
        event_id as action_id,
        case event_type
            when 'order.skip_order' then 'skip'
            when 'order.change_next_order_date' then 'date change'
            when 'order.send_now' then 'send now'
            when 'subscription.sku_swap' then 'product change'
            when 'subscription.change_quantity' then 'quantity change'
            when 'subscription.change_frequency' then 'frequency change'
        end as act,
        case when object_type = 'order' then object_key end as order_id,
        case when object_type = 'subscription' then object_key end as subscription_id,
        happened_at,
        'event' as evidence
    from stg_webhook_events
    where event_type in (
        'order.skip_order',
        'order.change_next_order_date',
        'order.send_now',
        'subscription.sku_swap',
        'subscription.change_quantity',
        'subscription.change_frequency'
    )
    union all
    -- an order cancelled before anything was tried is a skip, unless told above
    select
        stg_orders.order_id || ':cancelled' as action_id,
        'skip' as act,
        stg_orders.order_id,
        cast(null as text) as subscription_id,
        stg_orders.cancelled_at as happened_at,
        'cancelled order' as evidence
    from stg_orders
    left join stg_webhook_events
        on stg_webhook_events.object_key = stg_orders.order_id
        and stg_webhook_events.event_type = 'order.skip_order'
    where stg_orders.status_code = 4
        and coalesce(stg_orders.tries, 0) = 0
        and stg_webhook_events.event_id is null
    union all
    -- an item that vanished from a waiting order while its subscription went on
    select
        stg_items.item_id || ':deleted' as action_id,
        'skip' as act,
        stg_items.order_id,
        stg_items.subscription_id,
        stg_items.deleted_at as happened_at,
        'deleted item' as evidence
    from stg_items
    join stg_subscriptions
        on stg_subscriptions.subscription_id = stg_items.subscription_id
    left join stg_webhook_events
        on stg_webhook_events.object_key = stg_items.order_id
        and stg_webhook_events.event_type = 'order.skip_order'
    where stg_items.is_deleted
        and stg_subscriptions.is_live
        and stg_items.first_placed_at is null
        and stg_webhook_events.event_id is null
)
select
    acts.action_id,
    acts.act,
    coalesce(stg_orders.customer_id, stg_subscriptions.customer_id) as customer_id,
    acts.order_id,
    acts.subscription_id,
    acts.happened_at,
    dim_dates.date_day as happened_date,
    stg_orders.place_date,
    acts.evidence
from acts
left join stg_orders on stg_orders.order_id = acts.order_id
left join stg_subscriptions
    on stg_subscriptions.subscription_id = acts.subscription_id
left join dim_dates
    on acts.happened_at >= dim_dates.starts_at
    and acts.happened_at < dim_dates.ends_at
