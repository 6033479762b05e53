-- the newest day has as many subscribers as customers are active
with days as (
    select
        date_day,
        subscribers_at_end
    from fct_subscribers_daily
),
active as (
    select count(*) as customers
    from int_customer_spells
    cross join int_as_of
    where int_customer_spells.is_current
        and int_customer_spells.start_date <= int_as_of.as_of_date
)
select
    cast(days.date_day as text) as record_key,
    'not the number of active customers' as problem
from days
join int_as_of on int_as_of.as_of_date = days.date_day
cross join active
where days.subscribers_at_end <> active.customers
