-- one row per month and currency
select
    month_start_date,
    currency_code,
    sum(case when movement = 'new' then mrr_change else 0 end) as gained,
    sum(case when movement = 'reactivation' then mrr_change else 0 end) as reactivated,
    sum(case when movement = 'expansion' then mrr_change else 0 end) as expanded,
    sum(case when movement = 'contraction' then mrr_change else 0 end) as contracted,
    sum(case when movement = 'churn' then mrr_change else 0 end) as churned,
    sum(
        case when movement = 'currency_change' then mrr_change else 0 end
    ) as currency_changed
from fct_mrr_movements
group by
    month_start_date,
    currency_code
order by
    currency_code,
    month_start_date
