-- churn by month: one row per complete month
-- lost: subscribed when it began, and not when it ended
with at_end as (
    select distinct
        days.month_number,
        spells.customer_id
    from fct_subscription_spells as spells
    join dim_dates as days
        on days.date_day >= spells.start_date
        and days.date_day < coalesce(spells.end_date, cast('9999-12-31' as date))
    where days.date_day = days.month_end_date and spells.customer_id is not null
)
select
    months.month_start_date,
    count(*) as subscribers,
    count(*) - count(kept.customer_id) as lost,
    cast(
        100.0 * (count(*) - count(kept.customer_id)) / count(*) as decimal(5, 2)
    ) as churn_percent
from at_end as began
cross join int_as_of
join dim_dates as months
    on months.month_number = began.month_number + 1
    and months.date_day = months.month_start_date
left join at_end as kept
    on kept.month_number = months.month_number
    and kept.customer_id = began.customer_id
where months.month_number < int_as_of.as_of_month
group by months.month_start_date
order by months.month_start_date desc
