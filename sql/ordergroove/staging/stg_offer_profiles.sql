-- one row per offer profile
select
    public_id as offer_profile_id,
    name as offer_profile_name,
    merchant as merchant_id,
    live as is_live,
    status,
    weight,
    offers,
    recurring_coupon,
    initial_coupon,
    _synced_at as synced_at,
    _deleted_at as deleted_at,
    _deleted_at is not null as is_deleted,
    _unparsed is not null as has_unparsed
from offer_profiles
