"""The clock of a run never goes back."""

from datetime import timedelta

import pendulum
import pytest
from pendulum import DateTime

from sources.ordergroove.run_clock import RunClock

NOW = pendulum.datetime(2026, 11, 1, 5, 30)


class Ticks:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_clock_begins_now_and_goes_on_with_the_monotonic_one() -> None:
    ticks = Ticks()
    clock = RunClock(wall=lambda: NOW, monotonic=ticks)
    assert clock.now() == clock.started_at == NOW
    ticks.seconds += 90.25
    assert clock.now() == NOW + timedelta(seconds=90.25)


def test_what_happens_to_the_machines_clock_meanwhile_does_not_matter() -> None:
    walls, ticks = [NOW, NOW.subtract(hours=1)], Ticks()
    clock = RunClock(wall=lambda: walls.pop(0), monotonic=ticks)
    ticks.seconds += 1
    assert clock.now() == NOW.add(seconds=1)
    assert clock.now() == NOW.add(seconds=1)


@pytest.mark.parametrize(
    ("not_before", "begins"),
    [
        (None, NOW),
        (NOW.subtract(days=1), NOW),
        (NOW, NOW.add(microseconds=1)),
        (NOW.add(minutes=3), NOW.add(minutes=3, microseconds=1)),
    ],
)
def test_a_run_never_begins_before_an_earlier_one_ended(
    not_before: DateTime | None, begins: DateTime
) -> None:
    ticks = Ticks()
    clock = RunClock(not_before, wall=lambda: NOW, monotonic=ticks)
    assert clock.started_at == begins
    ticks.seconds += 5
    assert clock.now() == begins.add(seconds=5)


def test_instants_are_in_utc() -> None:
    assert RunClock().now().utcoffset() == timedelta(0)
