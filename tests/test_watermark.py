"""Windows and watermarks: nothing falls between two runs, whatever the clocks show."""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pendulum import DateTime

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.sandbox.clock import WallClock
from state.ordergroove.watermark import (
    EPOCH,
    BadState,
    Position,
    Span,
    Window,
    advance,
    check_not_ahead,
    check_same_environment,
    check_same_zone,
    closes_the_gap,
    position_of,
    window_for,
)

ORDERS, CUSTOMERS, PAYMENTS = (ENTITIES[name] for name in ("orders", "customers", "payments"))
NOW = pendulum.datetime(2026, 6, 10, 18)
OVERLAP = pendulum.duration(hours=2)
NEW_YORK = "America/New_York"
BASE = "https://restapi.ordergroove.com"
CANDIDATES = ("EST", NEW_YORK, "America/Chicago")
"""The clocks that Ordergroove's pages name, one here and one there."""

FIRST, LAST = datetime.fromisoformat("2009-01-01"), datetime.fromisoformat("2035-01-01")
instants = st.datetimes(FIRST, LAST, timezones=st.just(UTC)).map(pendulum.instance)
walls = st.datetimes(FIRST, LAST).map(lambda value: value.replace(microsecond=0).isoformat())
spans = st.builds(Span, start=st.none() | walls, end=st.none() | walls)
windows = st.builds(
    Window,
    since=st.none() | instants,
    opened_at=instants,
    fingerprint=st.text(),
    next=st.none() | st.text(),
    spans=st.lists(spans, max_size=4).map(tuple),
)
positions = st.builds(
    Position,
    watermark=st.none() | instants,
    window=st.none() | windows,
    merchants=st.lists(st.text(), max_size=3).map(tuple),
    zone=st.text(),
    environment=st.sampled_from(["", "production", "staging"]),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("0001-01-01T00:00:00+23:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def asked(position: Position, **changes: Any) -> Window:
    """The window of orders that a run at NOW asks for."""
    given: dict[str, Any] = {"now": NOW, "overlap": OVERLAP, "zone": NEW_YORK, "base_url": BASE}
    return window_for(ORDERS, position, **{**given, **changes})


# state and back


@given(position=positions)
def test_a_position_comes_back_from_its_state(position: Position) -> None:
    assert position_of(ORDERS, position.as_state()) == position
    assert position_of(ORDERS, json.loads(json.dumps(position.as_state()))) == position


def test_no_state_is_a_position_that_read_nothing() -> None:
    assert position_of(ORDERS, None) == position_of(ORDERS, {}) == Position()


def test_a_state_of_before_zones_were_kept_says_nothing_of_them() -> None:
    state = Position(watermark=NOW, zone="EST", environment="staging").as_state()
    del state["zone"], state["environment"]

    assert position_of(ORDERS, state) == Position(watermark=NOW)


@given(junk=json_values, name=st.sampled_from([*Position().as_state()]))
def test_a_state_that_is_not_ours_is_refused_or_read_never_a_crash(junk: Any, name: str) -> None:
    # any other exception would be the crash
    with suppress(BadState):
        position_of(ORDERS, {**Position(watermark=NOW).as_state(), name: junk})


@given(
    junk=json_values,
    name=st.sampled_from(["since", "opened_at", "fingerprint", "next", "spans"]),
)
def test_a_window_that_is_not_ours_is_refused_or_read_never_a_crash(junk: Any, name: str) -> None:
    window = Window(since=None, opened_at=NOW, fingerprint="f")
    state = Position(window=window).as_state()
    state["window"][name] = junk
    try:
        position = position_of(ORDERS, state)
    except BadState:
        return
    assert position_of(ORDERS, position.as_state()) == position


@pytest.mark.parametrize("text", ["2026-06-10T18:00:00", "yesterday", 7, "2026-13-01T00:00:00Z"])
def test_a_watermark_without_zone_or_sense_is_refused(text: object) -> None:
    with pytest.raises(BadState) as caught:
        position_of(ORDERS, {"watermark": text})

    assert "--full-refresh orders" in caught.value.do


# which window is asked for


def test_a_first_window_has_no_lower_end() -> None:
    window = asked(Position())

    assert window.params(ORDERS) == {}
    assert (window.since, window.opened_at) == (None, NOW)


def test_the_next_window_begins_an_overlap_before_the_watermark() -> None:
    window = asked(Position(watermark=NOW.subtract(days=1)))

    # 16:00 UTC, at five hours behind although New York is four behind in June
    assert window.params(ORDERS) == {"updated_start": "2026-06-09T11:00:00"}
    assert window.since == NOW.subtract(days=1, hours=2)


def test_a_list_without_a_change_filter_has_windows_without_bounds() -> None:
    position = Position(watermark=NOW.subtract(days=1))

    window = window_for(
        PAYMENTS, position, now=NOW, overlap=OVERLAP, zone=NEW_YORK, base_url=BASE, since=NOW
    )

    assert window.params(PAYMENTS) == {}
    assert window.since is None


def test_each_entity_is_asked_by_its_own_filter() -> None:
    for entity in ENTITIES.values():
        if entity.changes:
            position = Position(watermark=NOW)
            window = window_for(
                entity, position, now=NOW, overlap=OVERLAP, zone=NEW_YORK, base_url=BASE
            )
            assert [*window.params(entity)] == [entity.changes.start]


def begun(**changes: Any) -> Window:
    """A window of orders that was begun five days ago and left."""
    window = asked(Position(watermark=NOW.subtract(days=6)), now=NOW.subtract(days=5))
    return replace(window.at("https://restapi.ordergroove.com/orders/?cursor=x"), **changes)


def test_a_window_left_over_is_gone_on_with() -> None:
    assert asked(Position(window=begun())) == begun()


@pytest.mark.parametrize(
    "change", [{"zone": "EST"}, {"base_url": "https://staging.restapi.ordergroove.com"}]
)
def test_a_window_of_other_settings_begins_again_with_the_time_it_was_opened(
    change: dict[str, str],
) -> None:
    window = asked(Position(window=begun()), **change)

    assert window.next is None
    assert (window.opened_at, window.since) == (begun().opened_at, begun().since)


def test_since_begins_there_without_overlap_and_in_the_earliest_clock() -> None:
    position = Position(watermark=NOW.subtract(days=1), window=begun())

    window = asked(position, since=pendulum.datetime(2026, 6, 1, 12))

    assert window.params(ORDERS) == {"updated_start": "2026-06-01T07:00:00"}
    assert (window.next, window.opened_at) == (None, NOW)


def test_a_full_refresh_asks_for_everything_and_drops_what_was_left_over() -> None:
    position = Position(watermark=NOW.subtract(days=1), window=begun())

    window = asked(position, full_refresh=True, since=NOW)

    assert window.params(ORDERS) == {}
    assert (window.since, window.next, window.opened_at) == (None, None, NOW)
    assert advance(position, window).window == window


@pytest.mark.parametrize(
    ("watermark", "since", "closes"),
    [
        (None, NOW.subtract(years=10), False),
        (NOW, NOW, False),
        (NOW, NOW.subtract(hours=2).add(seconds=1), False),
        (NOW, NOW.subtract(hours=2), True),
        (NOW, NOW.subtract(years=1), True),
    ],
)
def test_only_a_read_that_leaves_no_gap_may_move_the_watermark(
    watermark: DateTime | None,
    since: DateTime,
    closes: bool,
) -> None:
    assert closes_the_gap(Position(watermark=watermark), since, OVERLAP) is closes


# how far it has got


def test_only_the_last_page_moves_the_watermark() -> None:
    before = Position(watermark=NOW.subtract(days=1))
    window = asked(before)

    half = advance(before, window.at("https://restapi.ordergroove.com/orders/?cursor=x"))
    whole = advance(half, window.at(None))

    assert (half.watermark, half.window and half.window.next) == (
        before.watermark,
        "https://restapi.ordergroove.com/orders/?cursor=x",
    )
    assert (whole.watermark, whole.window) == (NOW, None)


@given(position=positions, window=windows, is_passing=st.booleans())
def test_a_watermark_never_goes_back(
    position: Position, window: Window, *, is_passing: bool
) -> None:
    after = advance(position, window, passing=is_passing)

    assert after.watermark == position.watermark or after.watermark == window.opened_at
    assert position.watermark is None or (
        after.watermark is not None and after.watermark >= position.watermark
    )


@given(position=positions, window=windows)
def test_a_window_passed_by_stays_as_it_is(position: Position, window: Window) -> None:
    after = advance(position, window, passing=True)

    assert position.window is None or after.window == position.window


@dataclass(frozen=True)
class Step:
    """One run. `skew_s` is how far the machine's clock is ahead of Ordergroove's."""

    gap_s: int
    skew_s: int
    has_date: bool
    """Whether the answers carry the server's time."""

    is_interrupted: bool


steps = st.lists(
    st.builds(
        Step,
        gap_s=st.integers(1, 3_000_000),
        skew_s=st.integers(-3_600, 3_600),
        has_date=st.booleans(),
        is_interrupted=st.booleans(),
    ),
    min_size=2,
    max_size=6,
)


def complete_windows(
    runs: list[Step], first: DateTime, zone: str
) -> list[tuple[DateTime, list[tuple[str, DateTime]]]]:
    """The start of each run that got to its end, with all windows that were complete by then.

    A window is its lower bound as text, and the true start of the run that opened it.
    """
    position, true_now, opened_by = Position(), first, first
    done: list[tuple[str, DateTime]] = []
    ends = []
    for run in runs:
        true_now = true_now.add(seconds=run.gap_s)
        for _ in range(2):
            is_fresh = position.window is None
            start = true_now.add(seconds=min(run.skew_s, 0) if run.has_date else run.skew_s)
            window = asked(position, now=start, zone=zone)
            opened_by = true_now if is_fresh else opened_by
            if run.is_interrupted:
                position = advance(position, window.at("next"))
                break
            done.append((window.params(ORDERS).get("updated_start", ""), opened_by))
            position = advance(position, window.at(None))
            if is_fresh:
                ends.append((true_now, list(done)))
                break
    return ends


@settings(max_examples=300, deadline=None)
@given(
    runs=steps,
    first=instants,
    zone=st.sampled_from([*CANDIDATES, "UTC", "Asia/Tokyo", "America/Los_Angeles"]),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_no_change_falls_between_two_runs_whatever_the_clocks_show(
    runs: list[Step], first: DateTime, zone: str, shares: list[float]
) -> None:
    length = sum(run.gap_s for run in runs)
    offsets = [int(share * length) for share in shares]
    edges = [sum(run.gap_s for run in runs[: count + 1]) for count in range(len(runs))]
    changes = [first.add(seconds=offset) for offset in (*offsets, *edges)]
    for end, windows_done in complete_windows(runs, first, zone):
        for change in changes:
            if change > end:
                continue
            for candidate in CANDIDATES:
                stamp = WallClock(candidate).text(int(change.timestamp())).replace(" ", "T")
                # a window surely shows what changed before its first page was asked for
                assert any(bound <= stamp and change <= opened for bound, opened in windows_done), (
                    change,
                    candidate,
                )


# cutting


@given(window=windows.filter(lambda window: window.spans), now=instants)
def test_halves_cover_the_span_and_share_their_edge(window: Window, now: DateTime) -> None:
    halves = window.halved(now)
    span, *rest = window.spans
    if halves is None:
        start = span.start or EPOCH.naive().isoformat()
        end = span.end or now.add(days=1).naive().isoformat()
        assert datetime.fromisoformat(end) - datetime.fromisoformat(start) < timedelta(seconds=2)
        return
    first, second, *others = halves.spans

    assert (first.start, second.end) == (span.start, span.end)
    assert first.end is not None
    assert first.end == second.start
    assert (span.start or "") < first.end < (span.end or "9")
    assert others == rest
    assert halves.next is None
    assert (halves.opened_at, halves.since) == (window.opened_at, window.since)


def test_halving_comes_to_an_end() -> None:
    window: Window | None = Window(since=None, opened_at=NOW, fingerprint="f")
    cuts = 0
    while window is not None:
        window = window.halved(NOW)
        cuts += 1

    assert cuts < 40


def test_spans_are_read_one_after_the_other() -> None:
    window = Window(since=None, opened_at=NOW, fingerprint="f").halved(NOW)
    assert window is not None

    rest = window.at("next").at(None)

    assert rest.spans == window.spans[1:]
    assert rest.next is None
    assert not rest.at(None).is_open


# what a run must not start with


@pytest.mark.parametrize(
    "position",
    [
        Position(watermark=NOW.add(minutes=2)),
        Position(window=Window(since=None, opened_at=NOW.add(days=1), fingerprint="f")),
    ],
)
def test_a_position_in_the_future_is_refused(position: Position) -> None:
    with pytest.raises(BadState, match="lies in the future") as caught:
        check_not_ahead(ORDERS, position, NOW)

    assert "clock" in caught.value.do
    check_not_ahead(ORDERS, Position(watermark=NOW.add(seconds=50), window=begun()), NOW)


def test_another_zone_is_refused_with_both_names_and_two_remedies() -> None:
    position = Position(watermark=NOW, zone="America/Chicago")

    with pytest.raises(ConfigError) as caught:
        check_same_zone(ORDERS, position, NEW_YORK)

    assert "America/Chicago" in caught.value.what
    assert NEW_YORK in caught.value.what
    assert "ordergroove sync --full-refresh" in caught.value.do
    assert "back to America/Chicago" in caught.value.do


def test_the_same_zone_or_an_unknown_one_passes() -> None:
    check_same_zone(ORDERS, Position(zone=NEW_YORK), NEW_YORK)
    check_same_zone(ORDERS, Position(), NEW_YORK)


def test_another_environment_is_refused_with_both_names_and_a_remedy() -> None:
    with pytest.raises(ConfigError) as caught:
        check_same_environment(ORDERS, Position(environment="production"), "staging")

    assert "production" in caught.value.what
    assert "staging" in caught.value.what
    assert "--dataset" in caught.value.do


@pytest.mark.parametrize(
    ("before", "now"), [("staging", "staging"), ("", "staging"), ("staging", "")]
)
def test_the_same_environment_or_an_unknown_one_passes(before: str, now: str) -> None:
    check_same_environment(ORDERS, Position(environment=before), now)
