"""What a run knows of itself: the exit code, and the last word on each entity."""

from collections.abc import Callable
from itertools import combinations

import pendulum
import pytest

from pipelines.ordergroove.run import Progress, Run
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import (
    ConfigError,
    EntityError,
    KeyRefused,
    NotFound,
    Refused,
    Stopped,
    Transient,
)
from state.ordergroove.ledger import DONE, FAILED, PARTIAL, RUNNING, SYNC_RUNS, UNAVAILABLE
from state.ordergroove.watermark import Position, Window

NOW = pendulum.datetime(2026, 6, 10, 14)
BEFORE = Position(watermark=NOW.subtract(days=1))

NEVER_SEEN = pytest.mark.parametrize(
    "error",
    [NotFound("404", ""), Refused("403", "", 403)],
    ids=["404", "403"],
)


def run_of(*progress: Progress) -> Run:
    return Run(
        started_at=NOW,
        command="sync",
        zone="America/New_York",
        progress={made.entity.name: made for made in progress},
    )


def made(name: str, *, before: Position = BEFORE, status: str = RUNNING) -> Progress:
    return Progress(entity=ENTITIES[name], before=before, status=status)


def failed(name: str, error: Exception, *, before: Position = BEFORE, at: float = 1.0) -> Progress:
    progress = made(name, before=before)
    progress.fail(error, at)
    return progress


def stop(run: Run) -> None:
    run.stopped_by = 15


def add(name: str, error: Exception) -> Callable[[Run], None]:
    def happen(run: Run) -> None:
        run.progress[name] = failed(name, error)

    return happen


# a failure that stays makes 1, or 3 where something was loaded; so does one that passes with 6
BY_RANK: list[tuple[int, Callable[[Run], None]]] = [
    (143, stop),
    (2, add("customers", ConfigError("", ""))),
    (7, add("orders", KeyRefused("", ""))),
    (1, add("items", EntityError("", ""))),
    (6, add("products", Transient("", ""))),
]
"""What gives each exit code by itself, the highest first."""

PAIRS = list(combinations(BY_RANK, 2))


@pytest.mark.parametrize(("code", "happens"), BY_RANK, ids=[str(code) for code, _ in BY_RANK])
def test_each_ending_has_its_exit_code(code: int, happens: Callable[[Run], None]) -> None:
    run = run_of()
    happens(run)
    assert run.exit_code() == code


@pytest.mark.parametrize(
    ("higher", "lower"), PAIRS, ids=[f"{higher[0]} and {lower[0]}" for higher, lower in PAIRS]
)
def test_of_two_endings_the_higher_one_is_told(
    higher: tuple[int, Callable[[Run], None]], lower: tuple[int, Callable[[Run], None]]
) -> None:
    run = run_of()
    lower[1](run)
    higher[1](run)
    assert run.exit_code() == higher[0]


@pytest.mark.parametrize("error", [EntityError("", ""), Transient("", "")])
def test_a_failure_beside_what_was_loaded_is_partial(error: Exception) -> None:
    run = run_of(failed("items", error))
    run.committed = True
    assert run.exit_code() == 3


def test_a_failure_beside_an_entity_that_had_nothing_new_is_partial() -> None:
    assert run_of(failed("items", Transient("", "")), made("orders", status=DONE)).exit_code() == 3


def test_a_refused_key_is_told_even_when_something_was_loaded() -> None:
    run = run_of(failed("items", KeyRefused("", "")), made("orders", status=DONE))
    run.committed = True
    assert run.exit_code() == 7


def test_a_run_without_failures_is_good_and_so_is_one_of_nothing() -> None:
    run = run_of(made("orders", status=DONE), made("resources", status=UNAVAILABLE))
    assert run.exit_code() == 0
    assert run_of().exit_code() == 0


def test_a_stop_by_signal_is_no_failure_of_the_entity() -> None:
    progress = failed("orders", Stopped("", ""))
    assert progress.status == PARTIAL
    assert progress.is_over
    assert run_of(progress).failures == []


@NEVER_SEEN
def test_what_has_never_answered_is_unavailable_while_others_work(error: Exception) -> None:
    run = run_of(failed("resources", error, before=Position()), made("orders", status=DONE))
    run.settle(last_answer_at=0.5)
    assert run.progress["resources"].status == UNAVAILABLE
    assert run.exit_code() == 0


@NEVER_SEEN
def test_what_has_answered_before_is_not_called_unavailable(error: Exception) -> None:
    run = run_of(failed("resources", error), made("orders", status=DONE))
    run.settle(last_answer_at=0.5)
    assert run.progress["resources"].status == FAILED
    assert run.exit_code() == 3


def test_what_answered_in_this_run_is_not_called_unavailable() -> None:
    lost = failed("orders", NotFound("", ""), before=Position())
    lost.pages = 1
    run = run_of(lost, made("items", status=DONE))
    run.settle(last_answer_at=0.5)
    assert lost.status == FAILED


def test_nothing_is_unavailable_where_nothing_works() -> None:
    run = run_of(failed("resources", NotFound("", ""), before=Position()))
    run.settle(last_answer_at=None)
    assert run.progress["resources"].status == FAILED
    assert run.exit_code() == 1


def test_an_entity_that_is_in_trouble_is_not_called_unavailable() -> None:
    run = run_of(failed("resources", Transient("", ""), before=Position()))
    run.progress["orders"] = made("orders", status=DONE)
    run.settle(last_answer_at=0.5)
    assert run.progress["resources"].status == FAILED


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_nothing_answers_to_is_refused(status: int) -> None:
    run = run_of(failed("orders", Refused("", "", status)), failed("items", Transient("", "")))
    run.settle(last_answer_at=None)
    assert isinstance(run.progress["orders"].error, KeyRefused)
    assert run.exit_code() == 7


def test_a_key_is_refused_when_nothing_is_answered_after_a_401() -> None:
    run = run_of(failed("orders", Refused("", "", 401), at=2.0))
    run.settle(last_answer_at=1.0)
    assert run.exit_code() == 7


@pytest.mark.parametrize(("status", "answered_at"), [(401, 3.0), (403, 1.0)])
def test_a_refusal_of_one_entity_is_none_of_the_key(status: int, answered_at: float) -> None:
    run = run_of(failed("orders", Refused("", "", status), at=2.0), made("items", status=DONE))
    run.settle(last_answer_at=answered_at)
    assert run.progress["orders"].status == FAILED
    assert run.exit_code() == 3


def test_a_key_that_was_refused_half_way_does_not_deny_what_was_loaded() -> None:
    run = run_of(failed("orders", Refused("what", "do", 401), at=2.0))
    run.committed = True
    run.settle(last_answer_at=1.0)
    assert "Nothing was written" not in str(run.progress["orders"].error)
    assert "What was loaded before that is complete" in str(run.progress["orders"].error)


def test_a_key_that_was_refused_at_once_says_that_nothing_was_written() -> None:
    run = run_of(failed("orders", Refused("what", "do", 401)))
    run.settle(last_answer_at=None)
    assert "Nothing was written" in str(run.progress["orders"].error)


def test_what_was_still_being_read_is_partial_in_the_end() -> None:
    run = run_of(made("orders"))
    run.settle(last_answer_at=0.5)
    assert run.progress["orders"].status == PARTIAL


def test_a_run_is_read_when_each_entity_is_read_or_over() -> None:
    reading, read = made("orders"), made("items")
    read.is_read = True
    run = run_of(reading, read, made("products", status=FAILED))
    assert not run.is_read
    reading.is_read = True
    assert run.is_read


def test_a_row_of_the_ledger_has_its_columns_and_no_more() -> None:
    progress = made("orders")
    assert list(run_of(progress).row_of(progress, NOW)) == SYNC_RUNS.schema.names


def test_a_row_of_what_is_not_over_has_no_end_and_no_window() -> None:
    progress = made("orders")
    row = run_of(progress).row_of(progress, NOW)
    assert row["status"] == RUNNING
    assert row["finished_at"] is None
    assert row["window_since_utc"] is None


def test_a_row_tells_window_counts_and_error() -> None:
    progress = failed("orders", EntityError("It broke.", "Mend it."))
    progress.window = Window(since=BEFORE.watermark, opened_at=NOW, fingerprint="")
    progress.pages, progress.rows, progress.tally.retries = 3, 250, 2
    later = NOW.add(minutes=1)
    run = run_of(progress)

    row = run.row_of(progress, later)

    assert row["run_id"] == run.run_id
    assert (row["window_since_utc"], row["window_opened_at_utc"]) == (BEFORE.watermark, NOW)
    assert (row["started_at"], row["finished_at"]) == (NOW, later)
    assert (row["pages"], row["rows"], row["retries"]) == (3, 250, 2)
    assert row["error"].startswith("It broke.\nMend it.")


def test_each_run_has_an_id_of_its_own() -> None:
    assert run_of().run_id != run_of().run_id
