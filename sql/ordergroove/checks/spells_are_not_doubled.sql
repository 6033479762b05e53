-- fct_subscription_spells has every spell once
select
    subscription_id as record_key,
    'spell ' || cast(spell_number as text) as problem
from fct_subscription_spells
group by
    subscription_id,
    spell_number
having count(*) > 1
