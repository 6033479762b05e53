-- one row per cohort of customers, month after its own, and measure
with cohorts as (
    select
        int_customer_spells.customer_id,
        dim_dates.month_number as cohort_number,
        dim_dates.month_start_date as cohort_month
    from int_customer_spells
    join dim_dates on dim_dates.date_day = int_customer_spells.start_date
    cross join int_as_of
    where int_customer_spells.spell_number = 1
        and int_customer_spells.start_date <= int_as_of.as_of_date
),
sizes as (
    select
        cohort_number,
        cohort_month,
        count(*) as cohort_size
    from cohorts
    group by
        cohort_number,
        cohort_month
),
months as (
    select
        dim_dates.month_number,
        dim_dates.date_day as month_end_date,
        dim_dates.month_number < int_as_of.as_of_month as is_mature
    from dim_dates
    cross join int_as_of
    where dim_dates.date_day = dim_dates.month_end_date
        and dim_dates.month_number <= int_as_of.as_of_month
),
measures as (
    select 'active' as measure
    union all
    select 'unbroken' as measure
),
retained as (
    select
        cohorts.cohort_number,
        months.month_number,
        count(*) as active,
        sum(
            case when int_customer_spells.spell_number = 1 then 1 else 0 end
        ) as unbroken
    from cohorts
    join int_customer_spells on int_customer_spells.customer_id = cohorts.customer_id
    join months
        on months.month_end_date >= int_customer_spells.start_date
        and months.month_end_date
        < coalesce(int_customer_spells.end_date, cast('9999-12-31' as date))
    group by
        cohorts.cohort_number,
        months.month_number
),
final as (
    select
        sizes.cohort_month,
        months.month_number - sizes.cohort_number as months_after,
        measures.measure,
        sizes.cohort_size,
        months.is_mature,
        -- a month that is not over has no number yet
        case
            when not months.is_mature then null
            when measures.measure = 'active' then coalesce(retained.active, 0)
            else cast(coalesce(retained.unbroken, 0) as bigint)
        end as retained
    from sizes
    join months on months.month_number >= sizes.cohort_number
    cross join measures
    left join retained
        on retained.cohort_number = sizes.cohort_number
        and retained.month_number = months.month_number
)
select
    cohort_month,
    months_after,
    measure,
    cohort_size,
    is_mature,
    retained,
    cast(
        1.0000000000 * retained / cohort_size + 0.00000001 as decimal(18, 6)
    ) as retention_rate
from final
