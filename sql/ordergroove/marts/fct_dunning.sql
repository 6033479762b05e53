-- one row per order whose payment failed at least once
with failures as (
    select
        object_key as order_id,
        min(happened_at) as first_failed_at
    from stg_webhook_events
    where event_type = 'order.retryable_placement_failure'
    group by object_key
),
failed as (
    select
        int_orders.order_id,
        int_orders.customer_id,
        int_orders.currency_code,
        int_orders.status_code,
        int_orders.status_name,
        int_orders.is_final,
        int_orders.place_date,
        failures.first_failed_at,
        int_orders.placement_code,
        int_orders.placement_reason,
        int_orders.tries,
        int_orders.success_date,
        int_orders.revenue,
        case
            when failures.order_id is not null then 'event'
            when int_orders.status_code = 18 then 'status'
            when int_orders.is_payment_code then 'code'
            -- it succeeded later, and what had failed before was no error of the shop
            when int_orders.status_code = 5
                and int_orders.tries > 1
                and int_orders.generic_error_count = 0
                then 'tries'
        end as evidence
    from int_orders
    left join failures on failures.order_id = int_orders.order_id
)
select
    failed.order_id,
    failed.customer_id,
    failed.currency_code,
    failed.place_date as first_attempt_date,
    failed.first_failed_at,
    failed.placement_code,
    failed.placement_reason,
    failed.tries as attempts,
    case failed.status_code
        when 5 then 'recovered'
        when 3 then 'rejected'
        when 4 then 'cancelled'
        else 'open'
    end as outcome,
    failed.is_final,
    case
        when failed.status_code = 5
            then success_days.day_number - attempt_days.day_number
    end as days_to_recover,
    failed.revenue,
    failed.evidence
from failed
left join dim_dates as attempt_days on attempt_days.date_day = failed.place_date
left join dim_dates as success_days on success_days.date_day = failed.success_date
where failed.evidence is not null
