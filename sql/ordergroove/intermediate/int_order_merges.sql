-- one row per merged order: where what was in it went in the end
with recursive merged as (
    select
        order_id,
        extra_data ->> 'merged_order_id' as into_order_id
    from stg_orders
    where status_code = 17
),
hops (order_id, into_order_id, hop) as (
    select
        order_id,
        into_order_id,
        1 as hop
    from merged
    where into_order_id is not null
    union all
    select
        hops.order_id,
        merged.into_order_id,
        hops.hop + 1 as hop
    from hops
    join merged on merged.order_id = hops.into_order_id
    -- a ring of merges, which cannot be, would never end
    where merged.into_order_id is not null and hops.hop < 10
),
ranked as (
    select
        order_id,
        into_order_id,
        hop,
        row_number() over (partition by order_id order by hop desc) as hops_to_go
    from hops
)
select
    order_id,
    into_order_id as merged_into_order_id,
    hop as merges
from ranked
where hops_to_go = 1
