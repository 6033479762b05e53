"""Ordergroove's wall clock and UTC: the only place that translates between them.

Stamps and filter values are naive wall-clock text. Which zone they are in, the documentation says
three times over and differently (EST, CST, America/Chicago), so the zone is a setting, and lower
bounds are rendered in the earliest clock that could be meant.
"""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from zoneinfo import ZoneInfo

import pendulum
import pyarrow as pa
import pyarrow.compute as pc
from pendulum import DateTime

EST = timezone(timedelta(hours=-5))
EDT = timezone(timedelta(hours=-4))
UTC_STAMP = pa.timestamp("us", "UTC")

# Arrow reads the changes that a zone file lists, not the rule for those to come: the usual files
# end in 2037, and slim ones may end in 2007
ARROW_SPAN = datetime(1970, 1, 1), datetime(2038, 1, 1)  # noqa: DTZ001 - wall-clock times


def known_zone(name: str) -> bool:
    """Whether `name` is a time zone of the zone database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def lower_bound(instant: DateTime, zone: str) -> str:
    """An instant as the lower bound of a filter, `YYYY-MM-DDTHH:MM:SS`.

    Rendered at the smaller of EST (UTC-5) and the zone's own offset, fractions cut off: whatever
    clock Ordergroove means, the filter begins early enough.
    """
    at = instant.astimezone(UTC)
    local = min(at.astimezone(EST).replace(tzinfo=None), wall_clock(at, zone))
    return local.replace(microsecond=0).isoformat()


def upper_bound(instant: DateTime, zone: str) -> str:
    """An instant as the upper bound of a filter: the larger of UTC-4 and the zone, rounded up."""
    at = instant.astimezone(UTC)
    local = max(at.astimezone(EDT).replace(tzinfo=None), wall_clock(at, zone))
    if local.microsecond:
        local = local.replace(microsecond=0) + timedelta(seconds=1)
    return local.isoformat()


def wall_clock(instant: datetime, zone: str) -> datetime:
    """What a clock in `zone` shows at an instant, as a naive value."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def instant_of(local: datetime, zone: str) -> DateTime:
    """The instant of one wall-clock value.

    A value that exists twice (autumn) or not at all (spring) is read at the later offset, which is
    what `fold=1` means in PEP 495; it must not stop a run.
    """
    return pendulum.instance(utc_of(local, zone))


def utc_of(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)


def instants_of(local: pa.Array, zone: str) -> pa.Array:
    """A column of naive `timestamp[us]` as instants, by the rule of `instant_of`."""
    if local.null_count == len(local):
        return pa.nulls(len(local), UTC_STAMP)
    span = pc.min_max(local).as_py()
    if span["min"] < ARROW_SPAN[0] or span["max"] >= ARROW_SPAN[1] or not arrow_knows(zone):
        return one_by_one(local, zone)
    try:
        return pc.assume_timezone(local, zone, ambiguous="latest").cast(UTC_STAMP)
    except pa.ArrowInvalid:
        # a time that spring leaves out, for which Arrow has no rule that is ours
        return one_by_one(local, zone)


def one_by_one(local: pa.Array, zone: str) -> pa.Array:
    values = [None if value is None else utc_of(value, zone) for value in local.to_pylist()]
    return pa.array(values, UTC_STAMP)


@cache
def arrow_knows(zone: str) -> bool:
    """Whether Arrow has the zone, and agrees with Python on every month of its span."""
    first, end = (at.year for at in ARROW_SPAN)
    noons = [
        datetime(year, month, 15, 12)  # noqa: DTZ001 - a wall-clock time
        for year in range(first, end)
        for month in range(1, 13)
    ]
    probe = pa.array(noons, pa.timestamp("us"))
    try:
        found = pc.assume_timezone(probe, zone, ambiguous="latest", nonexistent="latest")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return bool(found.cast(UTC_STAMP).equals(one_by_one(probe, zone)))


def http_date(text: str | None) -> DateTime | None:
    """The instant of an HTTP `Date`, in UTC; None for a missing or unreadable one."""
    if not text:
        return None
    try:
        value = parsedate_to_datetime(text)
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return pendulum.instance(aware.astimezone(UTC))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
