-- the spells of a subscription are numbered without gaps and do not overlap
with ordered as (
    select
        subscription_id,
        spell_number,
        start_date,
        lag(spell_number) over (
            partition by subscription_id order by spell_number
        ) as number_before,
        lag(end_date) over (
            partition by subscription_id order by spell_number
        ) as end_before
    from fct_subscription_spells
)
select
    subscription_id as record_key,
    'spell ' || cast(spell_number as text) as problem
from ordered
where spell_number <> coalesce(number_before, 0) + 1 or end_before > start_date
