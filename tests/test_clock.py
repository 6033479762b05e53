"""Ordergroove's wall clock and UTC, both ways, over both changes of the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pendulum
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sources.ordergroove.clock import (
    UTC_STAMP,
    arrow_knows,
    http_date,
    instant_of,
    instants_of,
    known_zone,
    lower_bound,
    upper_bound,
    wall_clock,
)
from tests.json_values import PATIENT

ZONES = ("America/New_York", "America/Chicago", "EST", "UTC")
local = datetime.fromisoformat
LOCAL = pa.timestamp("us")
# within what Arrow's zones know, at their end, beyond it, and before the rules of today
YEARS = (1974, 1987, 2006, 2007, 2026, 2027, 2037, 2038, 2055)


def later_instant(wall: datetime, zone: str) -> datetime:
    """By the rule in words: of the offsets around, the one that comes later in time."""
    after = wall.replace(tzinfo=UTC) + timedelta(days=1)
    before = wall.replace(tzinfo=UTC) - timedelta(days=1)
    offsets = [at.astimezone(ZoneInfo(zone)).utcoffset() for at in (after, before)]
    for offset in offsets:
        assert offset is not None
        instant = wall.replace(tzinfo=UTC) - offset
        is_shown = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall
        if is_shown:
            return instant
    # left out by spring: no offset shows it, the later one is that after the change
    assert offsets[0] is not None
    return wall.replace(tzinfo=UTC) - offsets[0]


def changes_of(zone: str, year: int) -> Iterator[datetime]:
    """The wall-clock days on which the zone's offset changes, UTC's none."""
    day = datetime(year, 1, 1, 12, tzinfo=UTC)
    while day.year == year:
        one, two = (at.astimezone(ZoneInfo(zone)) for at in (day, day + timedelta(days=1)))
        if one.utcoffset() != two.utcoffset():
            yield two.replace(tzinfo=None, hour=0)
        day += timedelta(days=1)


def half_hours(days: list[datetime]) -> list[datetime]:
    """Every half hour of these days and those around them, and the seconds beside each."""
    return [
        day + timedelta(minutes=30 * number, seconds=second)
        for day in days
        for number in range(-24, 72)
        for second in (-1, 0, 1)
    ]


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("zone", ZONES)
def test_every_half_hour_around_a_change_of_the_clock_has_the_later_instant(
    zone: str, year: int
) -> None:
    days = list(changes_of(zone, year)) or [datetime.fromisoformat(f"{year}-03-08")]
    walls = half_hours(days)
    expected = [later_instant(wall, zone) for wall in walls]
    assert [instant_of(wall, zone) for wall in walls] == expected
    found = instants_of(pa.array(walls, LOCAL), zone)
    assert found.type == UTC_STAMP
    assert found.to_pylist() == expected
    # and where none of them makes Arrow give up the column
    for wall, instant in zip(walls, expected, strict=True):
        assert instants_of(pa.array([None, wall], LOCAL), zone).to_pylist() == [None, instant]


def test_a_zone_with_daylight_saving_changes_twice_a_year() -> None:
    assert len(list(changes_of("America/New_York", 2026))) == 2
    assert list(changes_of("EST", 2026)) == []


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("America/New_York", "2026-07-01 12:00:00", "2026-07-01T16:00:00Z"),
        ("America/New_York", "2026-12-01 12:00:00", "2026-12-01T17:00:00Z"),
        ("America/New_York", "2026-11-01 00:59:59", "2026-11-01T04:59:59Z"),
        ("America/New_York", "2026-11-01 01:00:00", "2026-11-01T06:00:00Z"),
        ("America/New_York", "2026-11-01 01:59:59", "2026-11-01T06:59:59Z"),
        ("America/New_York", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"),
        ("America/New_York", "2026-03-08 01:59:59", "2026-03-08T06:59:59Z"),
        ("America/New_York", "2026-03-08 02:30:00", "2026-03-08T06:30:00Z"),
        ("America/New_York", "2026-03-08 03:00:00", "2026-03-08T07:00:00Z"),
        ("America/Chicago", "2026-11-01 01:30:00", "2026-11-01T07:30:00Z"),
        ("America/Chicago", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"),
        ("EST", "2026-07-01 12:00:00", "2026-07-01T17:00:00Z"),
        ("EST", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"),
    ],
)
def test_known_wall_clock_times_have_their_known_instants(
    zone: str, wall: str, instant: str
) -> None:
    assert instant_of(local(wall), zone) == local(instant)
    assert instants_of(pa.array([local(wall)], LOCAL), zone)[0].as_py() == local(instant)


walls = st.datetimes(local("0002-01-01"), local("9998-12-31"))


@PATIENT
@given(st.lists(st.none() | walls, max_size=5), st.sampled_from(ZONES))
@example([None, None], "EST")
@example([], "EST")
@example([local("1969-12-31 23:59:59.999999"), local("2026-01-01")], "America/New_York")
def test_a_column_of_stamps_is_what_its_values_are(
    stamps: list[datetime | None], zone: str
) -> None:
    expected = [None if stamp is None else instant_of(stamp, zone) for stamp in stamps]
    assert instants_of(pa.array(stamps, LOCAL), zone).to_pylist() == expected


@pytest.mark.parametrize("zone", ["Europe/Dublin", "Africa/Juba", "Australia/Lord_Howe"])
def test_a_zone_of_unusual_rules_is_read_by_the_same_one(zone: str) -> None:
    days = [day for year in (1971, 2020, 2021, 2026) for day in changes_of(zone, year)]
    walls = half_hours(days)
    expected = [instant_of(wall, zone) for wall in walls]
    assert instants_of(pa.array(walls, LOCAL), zone).to_pylist() == expected


def test_arrow_is_asked_only_about_zones_that_it_and_python_agree_on() -> None:
    assert all(map(arrow_knows, ZONES))
    # known to Python only: some zone files leave it out, others call it what it is not
    assert not arrow_knows("Factory")
    found = instants_of(pa.array([local("2026-07-01 12:00:00"), None], LOCAL), "Factory")
    assert found.to_pylist() == [local("2026-07-01T12:00:00Z"), None]


moments = st.datetimes(local("2000-01-01"), local("2060-01-01"), timezones=st.just(UTC))
overlap, skew = timedelta(hours=2), timedelta(hours=1)


@settings(PATIENT, max_examples=500)
@given(
    moments | st.sampled_from(half_hours([local("2026-03-08"), local("2026-11-01")])),
    st.sampled_from(ZONES),
    st.sampled_from(["America/New_York", "America/Chicago", "EST"]),
    st.timedeltas(-skew, timedelta(days=200)),
)
def test_no_change_after_a_watermark_lies_before_the_lower_bound(
    watermark: datetime, setting: str, meant: str, later: timedelta
) -> None:
    mark = pendulum.instance(watermark, "UTC")
    bound = lower_bound(mark - overlap, setting)
    stamp = wall_clock(mark + later, meant).replace(microsecond=0)
    assert stamp.isoformat() >= bound
    assert len(bound) == 19


@settings(PATIENT, max_examples=500)
@given(
    moments | st.sampled_from(half_hours([local("2026-03-08"), local("2026-11-01")])),
    st.sampled_from(ZONES),
    st.sampled_from(["America/New_York", "America/Chicago", "EST"]),
    st.timedeltas(timedelta(0), timedelta(days=200)),
)
def test_no_change_before_an_end_lies_after_the_upper_bound(
    end: datetime, setting: str, meant: str, earlier: timedelta
) -> None:
    instant = pendulum.instance(end, "UTC")
    bound = upper_bound(instant, setting)
    stamp = wall_clock(instant - earlier, meant).replace(microsecond=0)
    assert stamp.isoformat() <= bound
    assert len(bound) == 19


def test_bounds_round_away_from_what_is_asked_for() -> None:
    noon = pendulum.datetime(2026, 1, 1, 12, 0, 0, 1)
    assert lower_bound(noon, "America/New_York") == "2026-01-01T07:00:00"
    assert upper_bound(noon, "America/New_York") == "2026-01-01T08:00:01"
    assert lower_bound(noon, "America/Chicago") == "2026-01-01T06:00:00"
    assert upper_bound(noon, "UTC") == "2026-01-01T12:00:01"
    assert upper_bound(noon.replace(microsecond=0), "UTC") == "2026-01-01T12:00:00"


def test_a_lower_bound_never_goes_below_standard_time_in_summer_by_more_than_the_zone() -> None:
    noon = pendulum.datetime(2026, 7, 1, 12)
    assert lower_bound(noon, "America/New_York") == "2026-07-01T07:00:00"
    assert lower_bound(noon, "America/Chicago") == "2026-07-01T07:00:00"
    assert lower_bound(noon, "UTC") == "2026-07-01T07:00:00"


@pytest.mark.parametrize(
    "text",
    [None, "", "soon", "Wed, 99 Nov 2026 12:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT", "\x00"],
)
def test_a_date_that_nobody_can_read_is_none(text: str | None) -> None:
    assert http_date(text) is None


def test_a_servers_date_is_utc() -> None:
    noon = pendulum.datetime(2026, 11, 20, 12)
    for text in (
        "Fri, 20 Nov 2026 12:00:00 GMT",
        "Fri, 20 Nov 2026 12:00:00 -0000",
        "Fri, 20 Nov 2026 07:00:00 -0500",
        "Friday, 20-Nov-26 12:00:00 GMT",
    ):
        assert http_date(text) == noon
        assert str(http_date(text)) == str(noon)


def test_only_names_of_the_zone_database_are_zones() -> None:
    assert all(map(known_zone, ZONES))
    for name in ("", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "America", "\x00", "CST"):
        assert not known_zone(name)
