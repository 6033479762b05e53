-- every item has a quantity above zero and a price that is not negative
select
    item_id as record_key,
    case
        when quantity is null or quantity <= 0 then 'no quantity above zero'
        else 'no price, or one below zero'
    end as problem
from int_order_items
where quantity is null or quantity <= 0 or total_price is null or total_price < 0
