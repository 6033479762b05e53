-- one row per customer, month and currency with a change of the monthly run-rate
-- slow: every customer and month
with monthly as (
    select
        customer_id,
        currency_code,
        month_number,
        sum(mrr) as mrr
    from int_subscription_months
    where mrr > 0
    group by
        customer_id,
        currency_code,
        month_number
),
edges as (
    select
        customer_id,
        currency_code,
        month_number,
        0 as mrr_before,
        mrr as mrr_after
    from monthly
    union all
    select
        customer_id,
        currency_code,
        month_number + 1 as month_number,
        mrr as mrr_before,
        0 as mrr_after
    from monthly
),
steps as (
    select
        customer_id,
        currency_code,
        month_number,
        cast(sum(mrr_before) as decimal(18, 4)) as mrr_before,
        cast(sum(mrr_after) as decimal(18, 4)) as mrr_after
    from edges
    group by
        customer_id,
        currency_code,
        month_number
),
counted as (
    select
        customer_id,
        currency_code,
        month_number,
        mrr_before,
        mrr_after,
        -- of all the customer's currencies
        sum(case when mrr_before > 0 then 1 else 0 end) over (
            partition by customer_id, month_number
        ) as currencies_before,
        sum(case when mrr_after > 0 then 1 else 0 end) over (
            partition by customer_id, month_number
        ) as currencies_after,
        sum(case when mrr_before = 0 then 1 else 0 end) over (
            partition by customer_id, month_number
        ) as appeared,
        sum(case when mrr_after = 0 then 1 else 0 end) over (
            partition by customer_id, month_number
        ) as vanished,
        min(month_number) over (partition by customer_id) as first_month
    from steps
),
months as (
    select distinct
        month_number,
        month_start_date
    from dim_dates
)
select
    counted.customer_id,
    months.month_start_date,
    counted.currency_code,
    case
        when counted.currencies_before = 0
            and counted.month_number = counted.first_month
            then 'new'
        when counted.currencies_before = 0 then 'reactivation'
        when counted.currencies_after = 0 then 'churn'
        when counted.mrr_before = 0 and counted.vanished > 0 then 'currency_change'
        when counted.mrr_after = 0 and counted.appeared > 0 then 'currency_change'
        when counted.mrr_after > counted.mrr_before then 'expansion'
        else 'contraction'
    end as movement,
    counted.mrr_before,
    counted.mrr_after - counted.mrr_before as mrr_change,
    counted.mrr_after,
    counted.month_number < int_as_of.as_of_month as is_complete
from counted
join months on months.month_number = counted.month_number
cross join int_as_of
where counted.mrr_after <> counted.mrr_before
    and counted.month_number <= int_as_of.as_of_month
