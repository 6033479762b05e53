-- one row per day from the first subscriber to the newest day that is known
with moves as (
    select
        start_date as date_day,
        case when spell_number = 1 then 1 else 0 end as new_subscribers,
        case when spell_number > 1 then 1 else 0 end as reactivated_subscribers,
        0 as cancelled_subscribers
    from int_customer_spells
    union all
    select
        end_date as date_day,
        0 as new_subscribers,
        0 as reactivated_subscribers,
        1 as cancelled_subscribers
    from int_customer_spells
    where end_date is not null
),
moved as (
    select
        date_day,
        sum(new_subscribers) as new_subscribers,
        sum(reactivated_subscribers) as reactivated_subscribers,
        sum(cancelled_subscribers) as cancelled_subscribers
    from moves
    group by date_day
),
first_day as (select min(date_day) as date_day from moves),
days as (
    select
        dim_dates.date_day,
        dim_dates.date_day < int_as_of.as_of_date as is_complete,
        coalesce(moved.new_subscribers, 0) as new_subscribers,
        coalesce(moved.reactivated_subscribers, 0) as reactivated_subscribers,
        coalesce(moved.cancelled_subscribers, 0) as cancelled_subscribers
    from dim_dates
    cross join int_as_of
    cross join first_day
    left join moved on moved.date_day = dim_dates.date_day
    where dim_dates.date_day >= first_day.date_day
        and dim_dates.date_day <= int_as_of.as_of_date
),
summed as (
    select
        date_day,
        is_complete,
        new_subscribers,
        reactivated_subscribers,
        cancelled_subscribers,
        sum(new_subscribers + reactivated_subscribers - cancelled_subscribers) over (
            order by date_day rows between unbounded preceding and current row
        ) as subscribers_at_end
    from days
),
final as (
    select
        date_day,
        is_complete,
        cast(
            subscribers_at_end
            - new_subscribers
            - reactivated_subscribers
            + cancelled_subscribers as bigint
        ) as subscribers_at_start,
        cast(new_subscribers as bigint) as new_subscribers,
        cast(reactivated_subscribers as bigint) as reactivated_subscribers,
        cast(cancelled_subscribers as bigint) as cancelled_subscribers,
        cast(subscribers_at_end as bigint) as subscribers_at_end
    from summed
)
select
    date_day,
    is_complete,
    subscribers_at_start,
    new_subscribers,
    reactivated_subscribers,
    cancelled_subscribers,
    subscribers_at_end,
    -- as Ordergroove's dashboard rolls forward: whoever came back is not in it
    subscribers_at_start + new_subscribers - cancelled_subscribers as dashboard_at_end,
    cast(
        1.0000000000 * cancelled_subscribers / nullif(subscribers_at_end, 0)
        + 0.00000001 as decimal(18, 6)
    ) as cancellation_rate,
    cast(
        1.0000000000 * cancelled_subscribers / nullif(subscribers_at_start, 0)
        + 0.00000001 as decimal(18, 6)
    ) as churn_rate
from final
