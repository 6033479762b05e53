"""At most so many leaves within any second, whoever asks and how often."""

import threading
import time

from sources.ordergroove.pace import Pace


def test_no_second_sees_more_than_is_allowed_whoever_asks() -> None:
    pace = Pace(20)
    given_at: list[float] = []

    def ask() -> None:
        while len(given_at) < 60:
            before = time.monotonic()
            if pace.may_go():
                given_at.append(before)
            else:
                time.sleep(0.005)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    pace.close()

    given_at.sort()
    # a leave is noted a moment after it was asked for, in whole milliseconds
    for first, last in zip(given_at, given_at[20:], strict=False):
        assert last - first >= 0.8


def test_it_starts_no_thread() -> None:
    before = threading.active_count()
    pace = Pace(2)

    assert [pace.may_go() for _ in range(3)] == [True, True, False]
    assert threading.active_count() == before
    pace.close()
