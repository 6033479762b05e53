-- what was sent succeeded, is open, was rejected or was cancelled
select
    cast(place_date as text) || ' ' || placement_reason as record_key,
    'does not add up' as problem
from fct_placement_daily
where orders_sent
    <> succeeded_first_try + succeeded_later + still_open + rejected + cancelled
