-- one row per day of the first attempt, reason of failure and currency
with attempted as (
    select
        place_date,
        coalesce(placement_reason, 'none told') as placement_reason,
        currency_code,
        status_code,
        tries,
        revenue
    from int_orders
    -- cancelled ones only if they were tried before
    where (is_sent or (status_code = 4 and tries > 0)) and place_date is not null
)
select
    place_date,
    placement_reason,
    currency_code,
    count(*) as orders_sent,
    cast(
        sum(case when status_code = 5 and tries <= 1 then 1 else 0 end) as bigint
    ) as succeeded_first_try,
    cast(
        sum(case when status_code = 5 and tries > 1 then 1 else 0 end) as bigint
    ) as succeeded_later,
    cast(
        sum(case when status_code in (3, 4, 5) then 0 else 1 end) as bigint
    ) as still_open,
    cast(sum(case when status_code = 3 then 1 else 0 end) as bigint) as rejected,
    cast(sum(case when status_code = 4 then 1 else 0 end) as bigint) as cancelled,
    cast(sum(tries) as bigint) as attempts,
    cast(coalesce(sum(revenue), 0) as decimal(18, 4)) as revenue_sent,
    cast(
        coalesce(sum(case when status_code = 5 then revenue end), 0) as decimal(18, 4)
    ) as revenue_succeeded
from attempted
group by
    place_date,
    placement_reason,
    currency_code
