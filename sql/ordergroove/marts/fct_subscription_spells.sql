-- one row per subscription and uninterrupted stretch in which it was active
select
    int_subscription_spells.subscription_id,
    int_subscription_spells.spell_number,
    int_subscription_spells.customer_id,
    int_subscription_spells.product_id,
    int_subscription_spells.currency_code,
    int_subscription_spells.started_at,
    int_subscription_spells.start_date,
    int_subscription_spells.ended_at,
    int_subscription_spells.end_date,
    int_subscription_spells.is_counted,
    int_subscription_spells.is_current,
    int_subscription_spells.start_evidence,
    int_subscription_spells.end_evidence,
    int_subscription_ends.cancel_reason_code,
    int_subscription_ends.churn_type,
    int_subscription_spells.history_complete_from
from int_subscription_spells
left join int_subscription_ends
    on int_subscription_ends.subscription_id = int_subscription_spells.subscription_id
    and int_subscription_ends.spell_number = int_subscription_spells.spell_number
