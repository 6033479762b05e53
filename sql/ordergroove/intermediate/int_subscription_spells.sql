-- one row per subscription and uninterrupted stretch in which it was active
-- slow: everything that counts days rests on it
with marked as (
    select
        subscription_id,
        change,
        changed_at,
        changed_date,
        evidence,
        change_number,
        lag(change) over (
            partition by subscription_id order by change_number
        ) as change_before
    from int_subscription_changes
),
kept as (
    -- of several reports of one change the first counts; nothing ends before it starts
    select
        subscription_id,
        change,
        changed_at,
        changed_date,
        evidence,
        change_number
    from marked
    where coalesce(change_before, 'end') <> change
),
paired as (
    select
        subscription_id,
        change,
        change_number,
        changed_at as started_at,
        changed_date as start_date,
        evidence as start_evidence,
        lead(changed_at) over (
            partition by subscription_id order by change_number
        ) as ended_at,
        lead(changed_date) over (
            partition by subscription_id order by change_number
        ) as end_date,
        lead(evidence) over (
            partition by subscription_id order by change_number
        ) as end_evidence
    from kept
),
numbered as (
    select
        subscription_id,
        started_at,
        start_date,
        start_evidence,
        ended_at,
        end_date,
        end_evidence,
        row_number() over (
            partition by subscription_id order by change_number
        ) as spell_number
    from paired
    where change = 'start'
)
select
    numbered.subscription_id,
    numbered.spell_number,
    stg_subscriptions.customer_id,
    stg_subscriptions.product_id,
    stg_subscriptions.currency_code,
    numbered.started_at,
    numbered.start_date,
    numbered.ended_at,
    numbered.end_date,
    -- what lasts less than a day was active at no day's end: no number of a day has it
    coalesce(numbered.end_date > numbered.start_date, 1 = 1) as is_counted,
    numbered.end_date is null as is_current,
    numbered.start_evidence,
    numbered.end_evidence,
    int_as_of.history_complete_from
from numbered
join stg_subscriptions
    on stg_subscriptions.subscription_id = numbered.subscription_id
cross join int_as_of
