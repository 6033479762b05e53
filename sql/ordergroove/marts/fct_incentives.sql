-- one row per incentive, month and currency, of successful orders
with successes as (
    select
        order_id,
        place_date,
        currency_code,
        discount_total,
        coalesce(sub_total, total - shipping_total - tax_total) as revenue
    from stg_orders
    where status_code = 5 and not is_deleted
),
items as (
    select
        order_id,
        offer_id,
        price * quantity - total_price as discount,
        total_price as revenue
    from stg_items
    where offer_id is not null and not is_deleted
),
offers as (
    select distinct offer_id
    from items
),
profiles as (
    -- profiles list their offers as JSON; the ids are long enough to be found in it
    select
        offers.offer_id,
        min(stg_offer_profiles.offer_profile_name) as incentive_name
    from offers
    join stg_offer_profiles
        on cast(stg_offer_profiles.offers as text) like '%' || offers.offer_id || '%'
    group by offers.offer_id
),
used as (
    select
        'offer' as incentive_type,
        items.offer_id as incentive_id,
        profiles.incentive_name,
        successes.place_date,
        successes.currency_code,
        successes.order_id,
        items.discount,
        items.revenue
    from items
    join successes on successes.order_id = items.order_id
    left join profiles on profiles.offer_id = items.offer_id
    union all
    -- what it took off is not told: the whole discount of the order it was used in
    select
        'one-time' as incentive_type,
        stg_one_time_incentives.external_code as incentive_id,
        stg_one_time_incentives.description as incentive_name,
        successes.place_date,
        successes.currency_code,
        successes.order_id,
        successes.discount_total as discount,
        successes.revenue
    from stg_one_time_incentives
    left join stg_items on stg_items.item_id = stg_one_time_incentives.item_id
    join successes
        on successes.order_id
        = coalesce(stg_one_time_incentives.order_id, stg_items.order_id)
    where not stg_one_time_incentives.is_deleted
)
select
    used.incentive_type,
    used.incentive_id,
    used.incentive_name,
    dim_dates.month_start_date,
    used.currency_code,
    count(distinct used.order_id) as orders,
    cast(coalesce(sum(used.discount), 0) as decimal(18, 4)) as discount,
    cast(coalesce(sum(used.revenue), 0) as decimal(18, 4)) as revenue,
    cast(
        sum(used.discount) / nullif(sum(used.discount) + sum(used.revenue), 0)
        + 0.00000001 as decimal(18, 6)
    ) as discount_share
from used
join dim_dates on dim_dates.date_day = used.place_date
group by
    used.incentive_type,
    used.incentive_id,
    used.incentive_name,
    dim_dates.month_start_date,
    used.currency_code
