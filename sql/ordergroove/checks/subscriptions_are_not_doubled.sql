-- dim_subscriptions has every subscription once
select
    subscription_id as record_key,
    cast(count(*) as text) || ' rows' as problem
from dim_subscriptions
group by subscription_id
having count(*) > 1
