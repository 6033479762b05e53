"""What a person reads when a run is over, and what a program does."""

import json
from typing import Any

import pendulum
import pytest
from pendulum import DateTime

from pipelines.ordergroove.report import as_json, so_many, summary, when
from pipelines.ordergroove.run import Progress, Run
from sources.ordergroove.client import Tally
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import EntityError, Stopped
from state.ordergroove.ledger import DONE, FAILED, PARTIAL, UNAVAILABLE
from state.ordergroove.watermark import Position, Window

# ten in the morning in New York, on the day after the clocks went back
NOW = pendulum.datetime(2026, 11, 2, 15)
YESTERDAY = NOW.subtract(days=1).subtract(minutes=58)


def run_of(*progress: Progress, **other: Any) -> Run:
    return Run(
        started_at=NOW,
        command="sync",
        zone="America/New_York",
        progress={made.entity.name: made for made in progress},
        **other,
    )


def made(
    name: str,
    status: str = DONE,
    *,
    rows: int = 0,
    since: DateTime | None = YESTERDAY,
    **other: Any,
) -> Progress:
    window = Window(since=since, opened_at=NOW, fingerprint="", next="/orders/?cursor=s3cr3t")
    return Progress(
        entity=ENTITIES[name],
        before=Position(),
        status=status,
        rows=rows,
        window=window if status == DONE else None,
        **other,
    )


def line(progress: Progress) -> str:
    return summary(run_of(progress)).splitlines()[0]


def test_changes_are_told_with_the_merchants_clock() -> None:
    assert line(made("orders", rows=1412)) == "orders: 1,412 changed since yesterday 09:02 EST"


def test_no_changes_are_told_as_such() -> None:
    assert line(made("orders")) == "orders: nothing new since yesterday 09:02 EST"


def test_a_first_read_is_told_as_everything() -> None:
    told = line(made("orders", rows=1, since=None))
    assert told == "orders: 1 row, everything from the beginning"


def test_a_list_that_is_read_whole_is_told_as_such() -> None:
    assert line(made("products", rows=12, since=None)) == "products: 12 rows, the whole list"


@pytest.mark.parametrize(
    ("retries", "told"), [(1, "1 request tried again"), (3, "3 requests tried again")]
)
def test_requests_that_were_tried_again_are_counted(retries: int, told: str) -> None:
    progress = made("products", rows=12, tally=Tally(retries=retries))
    assert line(progress) == f"products: 12 rows ({told}), the whole list"


def test_what_was_cut_short_tells_how_far_it_came() -> None:
    assert line(made("orders", PARTIAL, rows=200)) == "orders: stopped after 200 rows"


def test_what_is_unavailable_is_told_without_alarm() -> None:
    run = run_of(made("resources", UNAVAILABLE, error=EntityError("403", "Do this.")))
    assert summary(run) == "resources: not available to this key, left out"


def test_a_failure_is_told_in_its_line_and_once_more_with_its_remedy() -> None:
    error = EntityError("It broke.", "Mend it.")
    text = summary(run_of(made("orders", FAILED, error=error), made("items")))

    assert text.splitlines()[0] == "orders: failed, its watermark stayed where it was"
    assert text.endswith(f"\n\n{error}")


def test_the_same_message_is_told_once() -> None:
    error = EntityError("It broke.", "Mend it.")
    text = summary(run_of(made("orders", FAILED, error=error), made("items", FAILED, error=error)))
    assert text.count("It broke.") == 1


def test_failures_that_differ_in_name_and_number_only_are_told_once() -> None:
    def failed(name: str, what: str) -> Progress:
        return made(name, FAILED, error=EntityError(what, "Check the key."))

    text = summary(
        run_of(
            failed("customers", "Ordergroove answered 401 to GET /customers/."),
            failed("orders", "Ordergroove answered 401 to GET /orders/."),
            failed("items", "items: the connection failed; gave up after 3 tries."),
            failed("cancel_reasons", "Ordergroove answered 401 to GET /merchant/cancel_reason/."),
            failed("payments", "payments: the connection failed; gave up after 5 tries."),
            failed("products", "Ordergroove answered 403 to GET /products/."),
        )
    )
    whats = [line for line in text.splitlines() if line.endswith(".") and ":" in line]
    assert text.count("Check the key.") == 3
    assert "Ordergroove answered 401 to GET /customers/. Likewise: orders, cancel_reasons." in text
    assert "items: the connection failed; gave up after 3 tries. Likewise: payments." in whats
    assert "\nOrdergroove answered 403 to GET /products/.\n" in text


def test_a_stop_says_how_to_go_on_and_no_more() -> None:
    stopped = made("orders", PARTIAL, error=Stopped("Stopped by a signal.", "Run it again."))
    text = summary(run_of(stopped, stopped_by=15))
    assert text.splitlines()[1:] == [
        "",
        "Stopped by a signal. Run the same command again to go on.",
    ]


def test_names_are_set_in_one_column_with_those_that_were_not_due() -> None:
    text = summary(run_of(made("orders"), not_due={"cancel_reasons": NOW.subtract(hours=2)}))
    assert text.splitlines() == [
        "orders:         nothing new since yesterday 09:02 EST",
        "cancel_reasons: not due, read today 08:00 EST",
    ]


@pytest.mark.parametrize(
    ("instant", "told"),
    [
        (NOW, "today 10:00 EST"),
        (NOW.start_of("day").add(hours=5), "today 00:00 EST"),
        (NOW.start_of("day").add(hours=4), "yesterday 23:00 EST"),
        # before the clocks went back
        (pendulum.datetime(2026, 11, 1, 4), "yesterday 00:00 EDT"),
        (pendulum.datetime(2026, 11, 1, 3), "2026-10-31 23:00 EDT"),
        (NOW.add(days=1), "2026-11-03 10:00 EST"),
    ],
)
def test_a_day_is_named_as_one_would_say_it_at_the_merchants(instant: DateTime, told: str) -> None:
    assert when(instant, run_of()) == told


def test_today_is_the_merchants_day_though_it_is_tomorrow_elsewhere() -> None:
    run = run_of()
    # nine in the evening in New York
    run.started_at = pendulum.datetime(2026, 11, 3, 2)
    assert when(NOW, run) == "today 10:00 EST"


@pytest.mark.parametrize(("count", "told"), [(0, "0 pages"), (1, "1 page"), (1200, "1,200 pages")])
def test_counts_agree_with_their_noun(count: int, told: str) -> None:
    assert so_many(count, "page") == told


def test_the_json_of_a_run_keeps_its_shape() -> None:
    run = run_of(
        made("orders", rows=3, pages=1, tally=Tally(requests=2, retries=1)),
        made("items", FAILED, error=EntityError("It broke.", "Mend it.")),
        not_due={"products": NOW.subtract(hours=1)},
        committed=True,
        finished_at=NOW.add(seconds=90),
    )
    told = json.loads(json.dumps(as_json(run)))
    orders, items = told["entities"]
    # fields may come, none may go or change
    assert (
        told
        | {
            "run_id": run.run_id,
            "command": "sync",
            "started_at": "2026-11-02T15:00:00Z",
            "finished_at": "2026-11-02T15:01:30Z",
            "exit_code": 3,
            "not_due": {"products": "2026-11-02T14:00:00Z"},
        }
        == told
    )
    assert (
        orders
        | {
            "entity": "orders",
            "status": "done",
            "pages": 1,
            "rows": 3,
            "requests": 2,
            "retries": 1,
            "window_since": "2026-11-01T14:02:00Z",
            "window_opened_at": "2026-11-02T15:00:00Z",
            "error": None,
        }
        == orders
    )
    assert (
        items
        | {
            "entity": "items",
            "status": "failed",
            "window_since": None,
            "window_opened_at": None,
            "error": {
                "what": "It broke.",
                "do": "Mend it.",
                "state": "Its watermark stayed where it was; the other object types went on.",
            },
        }
        == items
    )


@pytest.mark.parametrize(
    ("trouble", "field"),
    [
        ("undrained", "webhook_events_left"),
        ("unenriched", "enrichment_left"),
        ("unviewed", "views_left"),
        ("capped", "deletions_capped"),
    ],
)
def test_the_json_tells_why_the_exit_code_is_not_zero(trouble: str, field: str) -> None:
    run = run_of(made("orders"), **{trouble: EntityError("It broke.", "Mend it.")})
    told = as_json(run)
    assert told["exit_code"] != 0
    assert told[field]["what"] == "It broke."
    assert as_json(run_of(made("orders")))[field] is None


def test_neither_text_nor_json_shows_a_cursor() -> None:
    run = run_of(made("orders", rows=3))
    assert "s3cr3t" not in summary(run) + json.dumps(as_json(run))
