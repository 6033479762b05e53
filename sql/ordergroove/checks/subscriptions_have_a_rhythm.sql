-- every live subscription has a rhythm and a quantity above zero
select
    stg_subscriptions.subscription_id as record_key,
    case
        when int_subscription_values.monthly_factor is null then 'no rhythm'
        else 'no quantity above zero'
    end as problem
from stg_subscriptions
join int_subscription_values
    on int_subscription_values.subscription_id = stg_subscriptions.subscription_id
    and int_subscription_values.is_current
where stg_subscriptions.is_live
    and not stg_subscriptions.is_deleted
    and (
        int_subscription_values.monthly_factor is null
        or stg_subscriptions.quantity is null
        or stg_subscriptions.quantity <= 0
    )
