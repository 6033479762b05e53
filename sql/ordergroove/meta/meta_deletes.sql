-- one row per record that was found deleted
select
    entity,
    record_key,
    evidence,
    deleted_at,
    noticed_at
from tombstones
