-- every stretch of change time has been read
select
    entity as record_key,
    'not read up to ' || cast(gap_to_at as text) as problem
from meta_gaps
