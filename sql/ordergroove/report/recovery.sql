-- one row per month of the first attempt
with failed as (
    select
        dim_dates.month_start_date,
        case when fct_dunning.outcome = 'recovered' then 1 else 0 end as is_recovered,
        case when fct_dunning.outcome = 'rejected' then 1 else 0 end as is_rejected,
        case when fct_dunning.outcome = 'cancelled' then 1 else 0 end as is_cancelled,
        case when fct_dunning.is_final then 1 else 0 end as is_final
    from fct_dunning
    join dim_dates on dim_dates.date_day = fct_dunning.first_attempt_date
)
select
    month_start_date,
    sum(is_recovered) as recovered,
    sum(is_rejected) as rejected,
    sum(is_cancelled) as cancelled,
    sum(1 - is_recovered - is_rejected - is_cancelled) as still_open,
    cast(
        1.0000000000 * sum(is_recovered) / nullif(sum(is_final), 0)
        + 0.00000001 as decimal(18, 6)
    ) as recovery_rate
from failed
group by month_start_date
order by month_start_date
