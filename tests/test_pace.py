"""At most so many leaves within any span of time, whoever asks and how often."""

from hypothesis import given
from hypothesis import strategies as st

from sources.ordergroove.pace import Pace


@given(steps=st.lists(st.integers(0, 700), max_size=60), most=st.integers(1, 5))
def test_no_span_of_time_sees_more_than_is_allowed(steps: list[int], most: int) -> None:
    # whole numbers, so that nothing is rounded
    now = 0
    pace = Pace(most, span_s=1_000, now=lambda: now)
    given_at = []
    for step in steps:
        now += step
        if pace.wait_s() == 0:
            given_at.append(now)

    for first, last in zip(given_at, given_at[most:], strict=False):
        assert last - first >= 1_000


@given(steps=st.lists(st.integers(0, 700), max_size=60), most=st.integers(1, 5))
def test_whoever_waits_as_long_as_told_gets_leave(steps: list[int], most: int) -> None:
    now = 0.0
    pace = Pace(most, span_s=1_000, now=lambda: now)
    for step in steps:
        now += step
        if wait_s := pace.wait_s():
            assert wait_s <= 1_000
            now += wait_s
            assert pace.wait_s() == 0


def test_leave_is_given_at_once_where_nobody_asked_before() -> None:
    pace = Pace(3, now=lambda: 5.0)

    assert [pace.wait_s() for _ in range(4)] == [0, 0, 0, 1.0]
