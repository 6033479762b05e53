-- one row per customer and stretch of days with at least one active subscription
with spells as (
    select
        customer_id,
        subscription_id,
        start_date,
        coalesce(end_date, cast('9999-12-31' as date)) as end_date,
        start_evidence,
        history_complete_from
    from int_subscription_spells
    where is_counted and customer_id is not null
),
reached as (
    select
        customer_id,
        subscription_id,
        start_date,
        end_date,
        start_evidence,
        history_complete_from,
        max(end_date) over (
            partition by customer_id
            order by start_date, end_date, subscription_id
            rows between unbounded preceding and 1 preceding
        ) as covered_to_date
    from spells
),
numbered as (
    select
        customer_id,
        start_date,
        end_date,
        start_evidence,
        history_complete_from,
        sum(case when covered_to_date >= start_date then 0 else 1 end) over (
            partition by customer_id
            order by start_date, end_date, subscription_id
            rows between unbounded preceding and current row
        ) as spell_number
    from reached
),
joined as (
    select
        customer_id,
        cast(spell_number as bigint) as spell_number,
        min(start_date) as start_date,
        max(end_date) as end_date,
        -- the weakest: their names happen to stand in that order
        max(start_evidence) as evidence,
        min(history_complete_from) as history_complete_from
    from numbered
    group by
        customer_id,
        spell_number
)
select
    customer_id,
    spell_number,
    start_date,
    nullif(end_date, cast('9999-12-31' as date)) as end_date,
    end_date = cast('9999-12-31' as date) as is_current,
    evidence,
    history_complete_from
from joined
