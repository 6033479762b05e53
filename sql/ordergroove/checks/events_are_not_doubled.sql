-- fct_subscription_events has every event once
select
    event_id as record_key,
    cast(count(*) as text) || ' rows' as problem
from fct_subscription_events
group by event_id
having count(*) > 1
