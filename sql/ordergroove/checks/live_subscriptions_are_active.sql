-- a subscription is live in Ordergroove exactly if its last spell is open
select
    stg_subscriptions.subscription_id as record_key,
    case
        when stg_subscriptions.is_live is null then 'nobody knows whether it is live'
        when stg_subscriptions.is_live then 'live without an open spell'
        else 'an open spell, but not live'
    end as problem
from stg_subscriptions
left join int_subscription_spells
    on int_subscription_spells.subscription_id = stg_subscriptions.subscription_id
    and int_subscription_spells.is_current
where not stg_subscriptions.is_deleted
    and (
        stg_subscriptions.is_live is null
        or (
            stg_subscriptions.is_live
            and int_subscription_spells.subscription_id is null
        )
        or (
            not stg_subscriptions.is_live
            and int_subscription_spells.subscription_id is not null
        )
    )
