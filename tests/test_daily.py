"""What the log tells of each entity while a run goes on."""

import logging
from typing import Any

import pendulum
import pytest

from pipelines.ordergroove.daily import Teller, fields_of, line_of
from pipelines.ordergroove.run import Progress, Run
from sources.ordergroove.client import Tally
from sources.ordergroove.entities import ENTITIES
from state.ordergroove.ledger import DONE, RUNNING
from state.ordergroove.watermark import Position, Window

NOW = pendulum.datetime(2026, 6, 10, 14)


def made(name: str, status: str = DONE, **other: Any) -> Progress:
    return Progress(entity=ENTITIES[name], before=Position(), status=status, **other)


def run_of(*progress: Progress) -> Run:
    named = {made.entity.name: made for made in progress}
    return Run(started_at=NOW, command="sync", zone="UTC", progress=named)


@pytest.mark.parametrize(
    ("pages", "rows", "told"),
    [
        (1, 1, "orders: done, 1 page, 1 row"),
        (0, 0, "orders: done, 0 pages, 0 rows"),
        (1200, 120_000, "orders: done, 1,200 pages, 120,000 rows"),
    ],
)
def test_counts_agree_with_their_nouns(pages: int, rows: int, told: str) -> None:
    assert line_of(made("orders", pages=pages, rows=rows)) == told


def test_a_window_tells_where_it_begins() -> None:
    window = Window(since=NOW, opened_at=NOW, fingerprint="", next="?cursor=s3cr3t")
    told = line_of(made("orders", window=window))
    assert told == "orders: done, 0 pages, 0 rows, since 2026-06-10T14:00:00Z"


def test_each_entity_is_told_once_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    teller, items = Teller(), made("items", RUNNING)
    run = run_of(made("orders"), items)
    with caplog.at_level(logging.INFO):
        teller.tell(run)
        teller.tell(run)
        assert caplog.messages == ["orders: done, 0 pages, 0 rows"]
        items.status = DONE
        teller.tell(run)
    assert caplog.messages[1:] == ["items: done, 0 pages, 0 rows"]


def test_a_log_for_machines_has_the_counts_apart() -> None:
    progress = made("orders", pages=2, rows=150, tally=Tally(retries=3))
    run = run_of(progress)
    assert fields_of(run, progress) == {
        "run_id": run.run_id,
        "entity": "orders",
        "status": "done",
        "pages": 2,
        "rows": 150,
        "retries": 3,
    }
