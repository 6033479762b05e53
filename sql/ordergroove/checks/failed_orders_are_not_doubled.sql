-- fct_dunning has every order once
select
    order_id as record_key,
    cast(count(*) as text) || ' rows' as problem
from fct_dunning
group by order_id
having count(*) > 1
