-- every order that was sent or waits has a day and a currency
select
    order_id as record_key,
    case
        when place_date is null then 'no place date'
        else 'no currency'
    end as problem
from int_orders
where (is_open or is_sent) and (place_date is null or currency_code is null)
