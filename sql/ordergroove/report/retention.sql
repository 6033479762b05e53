-- one row per cohort and month after its own, of the newest 24 cohorts
select
    fct_retention_cohorts.cohort_month,
    fct_retention_cohorts.months_after,
    fct_retention_cohorts.cohort_size,
    fct_retention_cohorts.retained,
    fct_retention_cohorts.retention_rate
from fct_retention_cohorts
cross join int_as_of
join dim_dates on dim_dates.date_day = fct_retention_cohorts.cohort_month
where fct_retention_cohorts.measure = 'active'
    and fct_retention_cohorts.is_mature
    and dim_dates.month_number >= int_as_of.as_of_month - 24
order by
    fct_retention_cohorts.cohort_month,
    fct_retention_cohorts.months_after
