-- dim_customers has every customer once
select
    customer_id as record_key,
    cast(count(*) as text) || ' rows' as problem
from dim_customers
group by customer_id
having count(*) > 1
