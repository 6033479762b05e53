-- one row per subscription and month at whose end it was active
-- slow: every subscription and month
with months as (
    -- the month that is not over is measured at its newest day
    select
        dim_dates.month_number,
        dim_dates.month_start_date,
        dim_dates.date_day as measured_date,
        dim_dates.month_number < int_as_of.as_of_month as is_complete
    from dim_dates
    cross join int_as_of
    where dim_dates.date_day <= int_as_of.as_of_date
        and (
            dim_dates.date_day = dim_dates.month_end_date
            or dim_dates.date_day = int_as_of.as_of_date
        )
),
active as (
    select
        int_subscription_spells.subscription_id,
        months.month_number,
        months.month_start_date,
        months.measured_date,
        months.is_complete
    from int_subscription_spells
    join months
        on months.measured_date >= int_subscription_spells.start_date
        and months.measured_date
        < coalesce(int_subscription_spells.end_date, cast('9999-12-31' as date))
    where int_subscription_spells.is_counted
),
points as (
    -- months and stretches on one line: each month belongs to the stretch before it
    select
        subscription_id,
        from_date as point_date,
        0 as is_month,
        value_number as place,
        cast(null as bigint) as month_number
    from int_subscription_values
    union all
    select
        subscription_id,
        measured_date as point_date,
        1 as is_month,
        0 as place,
        month_number
    from active
),
lined_up as (
    select
        subscription_id,
        month_number,
        sum(1 - is_month) over (
            partition by subscription_id
            order by point_date, is_month, place
            rows between unbounded preceding and current row
        ) as value_number
    from points
),
valued as (
    select
        active.subscription_id,
        active.month_number,
        active.month_start_date,
        active.is_complete,
        lined_up.value_number
    from active
    join lined_up
        on lined_up.subscription_id = active.subscription_id
        and lined_up.month_number = active.month_number
),
cycles as (
    select
        valued.subscription_id,
        stg_subscriptions.customer_id,
        stg_subscriptions.product_id,
        stg_subscriptions.currency_code,
        valued.month_number,
        valued.month_start_date,
        valued.is_complete,
        int_subscription_values.value_source,
        int_subscription_values.monthly_factor,
        cast(
            int_subscription_values.unit_value
            -- what was delivered then; now, what the subscription says
            * case
                when valued.is_complete then int_subscription_values.quantity
                else coalesce(
                    stg_subscriptions.quantity, int_subscription_values.quantity
                )
            end as decimal(18, 4)
        ) as cycle_value
    from valued
    join int_subscription_values
        on int_subscription_values.subscription_id = valued.subscription_id
        and int_subscription_values.value_number = valued.value_number
    join stg_subscriptions
        on stg_subscriptions.subscription_id = valued.subscription_id
)
select
    subscription_id,
    customer_id,
    product_id,
    currency_code,
    month_number,
    month_start_date,
    is_complete,
    value_source,
    coalesce(cast(cycle_value * monthly_factor as decimal(18, 4)), 0) as mrr
from cycles
