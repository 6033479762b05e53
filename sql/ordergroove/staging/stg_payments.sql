-- one row per means of payment
select
    public_id as payment_id,
    customer as customer_id,
    billing_address as billing_address_id,
    cc_number_ending,
    label,
    token_id,
    cc_holder,
    cc_type,
    cc_exp_date,
    payment_method,
    live as is_live,
    created_utc as created_at,
    cast(created as date) as created_date,
    last_updated_utc as updated_at,
    cast(last_updated as date) as updated_date,
    _synced_at as synced_at,
    _deleted_at as deleted_at,
    _deleted_at is not null as is_deleted,
    _unparsed is not null as has_unparsed
from payments
