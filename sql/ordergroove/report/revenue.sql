-- one row per month and currency
select
    month_start_date,
    currency_code,
    sum(run_rate) as run_rate,
    -- a month that is not over has not brought all it will
    case when is_complete then sum(realised) end as realised
from fct_mrr_monthly
group by
    month_start_date,
    currency_code,
    is_complete
order by
    currency_code,
    month_start_date
