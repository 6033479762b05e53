-- one row per main figure
with newest as (
    select fct_subscribers_daily.subscribers_at_end
    from fct_subscribers_daily
    join int_as_of on int_as_of.as_of_date = fct_subscribers_daily.date_day
),
moved as (
    select
        sum(
            fct_subscribers_daily.new_subscribers
            + fct_subscribers_daily.reactivated_subscribers
        ) as gained,
        sum(fct_subscribers_daily.cancelled_subscribers) as lost
    from fct_subscribers_daily
    cross join int_as_of
    join dim_dates on dim_dates.date_day = fct_subscribers_daily.date_day
    where dim_dates.day_number > int_as_of.as_of_day - 30
),
final as (
    select
        1 as place,
        'subscribers now' as figure,
        subscribers_at_end as amount
    from newest
    union all
    select
        2 as place,
        'gained in 30 days' as figure,
        gained as amount
    from moved
    union all
    select
        3 as place,
        'lost in 30 days' as figure,
        lost as amount
    from moved
)
select
    figure,
    amount
from final
where amount is not null
order by place
