-- who never left can only become fewer, and no rate leaves 0 to 1
with cohorts as (
    select
        cast(cohort_month as text) || ' ' || measure as record_key,
        measure,
        months_after as step,
        cohort_size as members,
        retained
    from fct_retention_cohorts
    where is_mature
    union all
    select
        cast(cohort_month as text) || ' orders' as record_key,
        'orders' as measure,
        order_number as step,
        eligible as members,
        retained
    from fct_order_retention
),
steps as (
    select
        record_key,
        measure,
        step,
        members,
        retained,
        lag(retained) over (partition by record_key order by step) as retained_before
    from cohorts
)
select
    record_key,
    'step ' || cast(step as text) as problem
from steps
where retained < 0
    or retained > members
    or (measure <> 'active' and retained > retained_before)
