-- why subscriptions were cancelled: one row per reason code
with cancelled as (
    select
        dim_subscriptions.cancel_reason_code,
        replace(
            stg_subscriptions.cancel_reason,
            concat(dim_subscriptions.cancel_reason_code, '|'),
            ''
        ) as cancel_reason,
        case when dim_subscriptions.churn_type = 'involuntary' then 1 else 0 end
            as is_involuntary,
        dim_subscriptions.end_date
    from dim_subscriptions
    join stg_subscriptions
        on stg_subscriptions.subscription_id = dim_subscriptions.subscription_id
    where not dim_subscriptions.is_live and not dim_subscriptions.is_deleted
)
select
    cancel_reason_code,
    -- null where customers write in their own words
    case when count(distinct cancel_reason) = 1 then min(cancel_reason) end
        as cancel_reason,
    count(*) as subscriptions,
    cast(100.0 * count(*) / sum(count(*)) over () as decimal(5, 2)) as share_percent,
    -- after an order that could not be paid
    sum(is_involuntary) as involuntary,
    max(end_date) as last_cancelled_date
from cancelled
group by cancel_reason_code
order by
    subscriptions desc,
    cancel_reason_code
