"""A backfill's slices: they touch, they cover, and their state comes back."""

import json
from itertools import pairwise
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pendulum import DateTime

from sources.ordergroove.entities import ENTITIES
from state.ordergroove import slices
from state.ordergroove.slices import (
    UNITS,
    Backfill,
    Slice,
    backfill_of,
    begun,
    finished,
    remembered,
    window_for_slice,
)
from state.ordergroove.watermark import BadState, Position, Window, window_for
from tests.json_values import PATIENT
from tests.json_values import values as json_values

ORDERS = ENTITIES["orders"]
NEW_YORK = "America/New_York"
NOW = pendulum.datetime(2026, 6, 10, 18)
FROM, TO = pendulum.datetime(2023, 1, 1, 5), pendulum.datetime(2025, 1, 1, 5)
ASKED = Slice(since=FROM, until=TO)
zones = st.sampled_from([NEW_YORK, "America/Chicago", "EST", "UTC"])
instants = st.integers(1_230_000_000, 1_700_000_000).map(pendulum.from_timestamp)
stretches = st.tuples(instants, st.integers(1, 900 * 86_400)).map(
    lambda drawn: Slice(since=drawn[0], until=drawn[0].add(seconds=drawn[1]))
)


def cut(asked: Slice, unit: str, zone: str, *, newest_first: bool) -> list[Slice]:
    """Every slice in the order it is read."""
    rest: Slice | None = asked
    found = []
    while rest is not None:
        found.append(rest.last(unit, zone) if newest_first else rest.first(unit, zone))
        rest = rest.without(found[-1])
    return found


def asked_for(backfill: Backfill, now: DateTime = NOW, **changes: Any) -> Window:
    given: dict[str, Any] = {
        "unit": "month",
        "newest_first": False,
        "fingerprint": "f",
        "zone": NEW_YORK,
    }
    return window_for_slice(backfill, now=now, **given | changes)


def read_to_its_end(backfill: Backfill, **changes: Any) -> Backfill:
    return backfill.after(asked_for(backfill, **changes).at(None), 1)


@PATIENT
@given(asked=stretches, unit=st.sampled_from(["week", "month", "year"]), zone=zones)
def test_slices_share_their_edges_and_cover_what_was_asked_either_way(
    asked: Slice, unit: str, zone: str
) -> None:
    forward = cut(asked, unit, zone, newest_first=False)
    backward = cut(asked, unit, zone, newest_first=True)

    assert forward == backward[::-1]
    assert (forward[0].since, forward[-1].until) == (asked.since, asked.until)
    assert all(earlier.until == later.since for earlier, later in pairwise(forward))
    assert all(part.since < part.until for part in forward)
    assert asked.count(unit, zone) == len(forward)


def test_two_years_are_twenty_four_months_on_the_merchants_calendar() -> None:
    months = cut(ASKED, "month", NEW_YORK, newest_first=False)

    assert len(months) == 24
    starts = [month.since.in_timezone(NEW_YORK) for month in months]
    assert all((start.day, start.hour) == (1, 0) for start in starts)


@pytest.mark.parametrize("unit", UNITS)
def test_days_of_the_clock_changes_are_slices_like_others(unit: str) -> None:
    asked = Slice(since=pendulum.datetime(2035, 3, 9, 5), until=pendulum.datetime(2035, 11, 7, 5))
    found = cut(asked, unit, NEW_YORK, newest_first=False)

    assert found[-1].until == asked.until
    if unit == "day":
        assert {round((day.until - day.since).total_hours()) for day in found} == {23, 24, 25}


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        (NEW_YORK, "2024-06-30T23:00:00", "2024-08-01T00:00:00"),
        ("America/Chicago", "2024-07-01T00:00:00", "2024-08-01T01:00:00"),
    ],
)
def test_a_slice_is_asked_for_with_both_ends_in_the_clocks_that_make_it_widest(
    zone: str, start: str, end: str
) -> None:
    since = pendulum.datetime(2024, 7, 1, tz=zone)
    july = begun(Slice(since=since, until=since.add(months=1)), NOW)

    params = asked_for(july, zone=zone).params(ORDERS)

    assert params == {"updated_start": start, "updated_end": end}


def test_what_lies_ahead_of_the_opening_is_in_no_slice() -> None:
    backfill = begun(Slice(since=FROM, until=NOW.add(years=1)), NOW)

    assert backfill.left == Slice(since=FROM, until=NOW)
    assert backfill.is_of(Slice(since=FROM, until=NOW.add(years=1)))


def test_a_slice_that_was_begun_goes_on_whatever_is_asked_for_now() -> None:
    backfill = begun(ASKED, NOW)
    window = asked_for(backfill).at("https://there/?cursor=x")
    backfill = backfill.after(window, 100).after(window, 50)

    assert backfill.rows == 150
    assert asked_for(backfill, unit="day", newest_first=True) == window


def test_a_slice_of_other_settings_begins_again_with_both_its_ends() -> None:
    backfill = begun(ASKED, NOW)
    window = asked_for(backfill)
    backfill = backfill.after(window.at("https://there/?cursor=x"), 100)

    again = asked_for(backfill, fingerprint="other")

    assert (again.next, again.spans) == (None, window.spans)
    assert (again.since, again.until) == (window.since, window.until)


def test_direction_and_length_may_change_on_the_way() -> None:
    backfill = begun(ASKED, NOW)
    for changes in ({}, {"newest_first": True}, {"unit": "week"}, {"unit": "year"}):
        before = backfill.left
        backfill = read_to_its_end(backfill, **changes)
        assert before is not None
        assert backfill.left is not None
        assert (before.until - before.since) > (backfill.left.until - backfill.left.since)
    while backfill.left is not None:
        backfill = read_to_its_end(backfill, unit="year")
    assert not backfill.is_read


def test_rows_without_a_stamp_are_asked_for_at_the_end_without_any_filter() -> None:
    backfill = begun(ASKED, NOW)
    while backfill.left is not None:
        backfill = read_to_its_end(backfill, unit="year")

    assert asked_for(backfill).params(ORDERS) == {}
    assert read_to_its_end(backfill).is_read


def done(asked: Slice = ASKED) -> Backfill:
    return Backfill(
        since=asked.since, until=asked.until, opened_at=NOW, left=None, lacks_unstamped=False
    )


@pytest.mark.parametrize("until", [TO, NOW.add(days=400)])
def test_the_first_sync_after_it_begins_where_it_stopped_to_know(until: DateTime) -> None:
    left_over = Window(since=None, opened_at=NOW.subtract(days=9), fingerprint="f")
    position = remembered(Position(window=left_over), done(Slice(since=FROM, until=until)))

    assert position.watermark == min(NOW, until)
    window = window_for(
        ORDERS,
        position,
        now=NOW.add(days=1),
        overlap=pendulum.duration(hours=2),
        zone=NEW_YORK,
        base_url="https://there",
    )
    assert window.since == min(NOW, until).subtract(hours=2)


@pytest.mark.parametrize("days", [-400, 3])
def test_a_watermark_that_is_there_is_left_alone(days: int) -> None:
    position = Position(watermark=NOW.add(days=days))

    assert remembered(position, done()).watermark == position.watermark


def test_the_slower_clock_of_the_two_opens_a_backfill() -> None:
    backfill = begun(ASKED, NOW)
    earlier = NOW.subtract(minutes=10)
    window = asked_for(backfill, now=earlier)

    assert backfill.after(window, 1).opened_at == earlier


@PATIENT
@given(asked=stretches, rows=st.integers(0, 10**9), pages=st.integers(0, 3))
def test_a_backfill_comes_back_from_its_state(asked: Slice, rows: int, pages: int) -> None:
    backfill = begun(asked, NOW)
    window = asked_for(backfill)
    for _ in range(pages):
        backfill = backfill.after(window.at("https://there/?cursor=x"), rows)
    position = remembered(Position(watermark=NOW), backfill)

    state = json.loads(json.dumps(position.as_state()))

    assert backfill_of(ORDERS, Position(backfill=state["backfill"])) == backfill
    ended = backfill_of(ORDERS, finished(position, backfill))
    assert ended is not None
    assert ended.is_over


@PATIENT
@given(junk=json_values, name=st.sampled_from(["", *begun(ASKED, NOW).as_state()]))
def test_a_state_that_is_not_ours_is_refused_or_read_never_a_crash(junk: Any, name: str) -> None:
    state = {**begun(ASKED, NOW).as_state(), name: junk} if name else junk
    try:
        found = backfill_of(ORDERS, Position(backfill=state))
    except BadState:
        return
    assert found is None or slices.read(found.as_state()) == found
