-- one row per main figure and currency
with run_rates as (
    select
        fct_mrr_monthly.currency_code,
        sum(fct_mrr_monthly.run_rate) as run_rate
    from fct_mrr_monthly
    where not fct_mrr_monthly.is_complete
    group by fct_mrr_monthly.currency_code
),
earned as (
    select
        fct_orders.currency_code,
        sum(fct_orders.revenue) as revenue
    from fct_orders
    cross join int_as_of
    join dim_dates on dim_dates.date_day = fct_orders.place_date
    where fct_orders.is_successful
        and dim_dates.day_number > int_as_of.as_of_day - 30
        and dim_dates.day_number <= int_as_of.as_of_day
    group by fct_orders.currency_code
),
waiting as (
    select
        currency_code,
        sum(total_price) as revenue
    from fct_upcoming_orders
    where days_ahead <= 30
    group by currency_code
),
final as (
    select
        1 as place,
        'run-rate a month' as figure,
        currency_code,
        run_rate as amount
    from run_rates
    union all
    select
        2 as place,
        'earned in 30 days' as figure,
        currency_code,
        revenue as amount
    from earned
    union all
    select
        3 as place,
        'due within 30 days' as figure,
        currency_code,
        revenue as amount
    from waiting
)
select
    figure,
    currency_code,
    amount
from final
where amount is not null
order by
    currency_code,
    place
