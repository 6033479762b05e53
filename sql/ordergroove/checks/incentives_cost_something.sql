-- no incentive makes an order dearer
select
    incentive_type || ' ' || coalesce(incentive_id, '-') as record_key,
    'a discount below zero' as problem
from fct_incentives
where discount < 0
