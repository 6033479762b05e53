-- every live subscription has a value that can be told
-- a warning only: new ones of unknown products have none yet
select
    stg_subscriptions.subscription_id as record_key,
    'no order, price or product tells its value' as problem
from stg_subscriptions
join int_subscription_values
    on int_subscription_values.subscription_id = stg_subscriptions.subscription_id
    and int_subscription_values.is_current
where stg_subscriptions.is_live
    and not stg_subscriptions.is_deleted
    and int_subscription_values.unit_value is null
