-- no event lies after the moment up to which the warehouse knows
-- a warning only: webhooks may be quicker than the sync
select
    fct_subscription_events.event_id as record_key,
    'in the future' as problem
from fct_subscription_events
cross join int_as_of
where fct_subscription_events.happened_at > int_as_of.as_of_at
