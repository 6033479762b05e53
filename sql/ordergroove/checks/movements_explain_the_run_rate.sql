-- all movements up to a month's end add up to its run-rate
with amounts as (
    select
        month_start_date,
        currency_code,
        run_rate,
        0 as moved
    from fct_mrr_monthly
    union all
    select
        month_start_date,
        currency_code,
        0 as run_rate,
        mrr_change as moved
    from fct_mrr_movements
),
months as (
    select
        currency_code,
        month_start_date,
        sum(run_rate) as run_rate,
        sum(moved) as moved
    from amounts
    group by
        currency_code,
        month_start_date
),
summed as (
    select
        currency_code,
        month_start_date,
        run_rate,
        sum(moved) over (
            partition by currency_code
            order by month_start_date
            rows between unbounded preceding and current row
        ) as moved
    from months
)
select
    cast(month_start_date as text) || ' ' || coalesce(currency_code, '-') as record_key,
    'movements and run-rate are apart' as problem
from summed
where moved <> run_rate
