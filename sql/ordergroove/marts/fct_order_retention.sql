-- one row per cohort of subscriptions and number of a recurring order, up to 36
with subscriptions as (
    select
        stg_subscriptions.subscription_id,
        start_days.month_start_date as cohort_month,
        start_days.day_number as start_day,
        -- the longest that a cycle can be, so that what counts as due surely is
        case
            when stg_subscriptions.every > 0
                then seed_periods.days_at_most * stg_subscriptions.every
        end as cycle_days
    from int_subscription_spells
    join stg_subscriptions
        on stg_subscriptions.subscription_id = int_subscription_spells.subscription_id
    join dim_dates as start_days
        on start_days.date_day = int_subscription_spells.start_date
    left join seed_periods on seed_periods.period_code = stg_subscriptions.period_code
    where int_subscription_spells.spell_number = 1
        and int_subscription_spells.is_counted
),
successes as (
    select
        subscription_id,
        count(*) as successful_orders
    from int_subscription_deliveries
    where status_code = 5
    group by subscription_id
),
due as (
    select
        subscriptions.cohort_month,
        int_numbers.whole_number as order_number,
        case
            when successes.successful_orders >= int_numbers.whole_number then 1
            else 0
        end as is_retained
    from subscriptions
    cross join int_as_of
    join int_numbers
        on int_numbers.whole_number <= 36
        and subscriptions.start_day
        + int_numbers.whole_number * subscriptions.cycle_days
        <= int_as_of.as_of_day
    left join successes on successes.subscription_id = subscriptions.subscription_id
)
select
    cohort_month,
    order_number,
    -- old enough to have had that many orders due
    count(*) as eligible,
    cast(sum(is_retained) as bigint) as retained,
    cast(
        1.0000000000 * sum(is_retained) / count(*) + 0.00000001 as decimal(18, 6)
    ) as retention_rate
from due
group by
    cohort_month,
    order_number
