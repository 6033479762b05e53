-- subscribers now: one row
select
    count(distinct customer_id) as subscribers,
    count(*) as active_subscriptions
from fct_subscription_spells
cross join int_as_of
where is_current and start_date <= as_of_date
