-- every subscription that an item names is in the table of subscriptions
-- a warning only: tables are read one after the other
select
    int_order_items.item_id as record_key,
    'its subscription is unknown' as problem
from int_order_items
left join stg_subscriptions
    on stg_subscriptions.subscription_id = int_order_items.subscription_id
where int_order_items.subscription_id is not null
    and stg_subscriptions.subscription_id is null
