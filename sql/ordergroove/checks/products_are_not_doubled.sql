-- dim_products has every product once
select
    product_id as record_key,
    cast(count(*) as text) || ' rows' as problem
from dim_products
group by product_id
having count(*) > 1
