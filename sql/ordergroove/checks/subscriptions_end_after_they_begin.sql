-- no spell of a subscription ends before it begins
select
    subscription_id as record_key,
    'ends before it begins' as problem
from int_subscription_spells
where end_date < start_date
