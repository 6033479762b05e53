"""`sync --dry-run`: what would be asked for, told without asking or changing anything."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest

from pipelines.ordergroove.loading import Chunk, load
from pipelines.ordergroove.plan import Planned, as_json, as_text, dry_run
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.page import Page
from sources.ordergroove.rows import batch_of
from sources.ordergroove.sandbox import Rules, Sandbox, World
from state.ordergroove.ledger import LEDGER
from state.ordergroove.watermark import Position, Span, Window, fingerprint_of
from tests.stories.stage import Stage, staged

ZONE = "America/New_York"
NAMES = ("orders", "cancel_reasons")
DAILY = Ask()


@pytest.fixture(scope="module")
def shop() -> Sandbox:
    world = World(seed=3, customers=40, zone=ZONE, days=365)
    return Sandbox(world, rules=Rules(is_ticking=True))


@pytest.fixture
def new(shop: Sandbox, tmp_path: Path) -> Iterator[Stage]:
    """A merchant whose warehouse is not there yet."""
    with staged(shop, tmp_path) as stage:
        yield stage


@pytest.fixture
def synced(new: Stage) -> Stage:
    assert new.sync(*NAMES).exit_code() == 0
    new.sandbox.calls.clear()
    return new


def plans_of(stage: Stage, ask: Ask = DAILY, **settings: str) -> dict[str, Planned]:
    return {plan.entity: plan for plan in dry_run(stage.settings(**settings), NAMES, ask)}


def test_a_first_run_reads_everything_and_a_plan_of_it_makes_no_file(new: Stage) -> None:
    before = len(new.sandbox.calls)
    plans = plans_of(new)

    assert {name: plan.does for name, plan in plans.items()} == {
        "orders": "everything",
        "cancel_reasons": "whole list",
    }
    assert [plan.pages_last_time for plan in plans.values()] == [None, None]
    assert list(new.directory.iterdir()) == []
    assert len(new.sandbox.calls) == before


def test_a_plan_leaves_the_warehouse_as_it_was_and_asks_nothing(synced: Stage) -> None:
    before = hashlib.sha256(synced.file.read_bytes()).hexdigest()
    plans_of(synced)
    assert hashlib.sha256(synced.file.read_bytes()).hexdigest() == before
    assert synced.sandbox.calls == []


def test_the_next_run_asks_for_changes_since_the_watermark_and_the_overlap(synced: Stage) -> None:
    with opened(synced.settings(), read_only=True) as warehouse:
        watermark = pendulum.parse(warehouse.positions()["orders"]["watermark"])
    assert isinstance(watermark, pendulum.DateTime)

    plan = plans_of(synced, overlap="3h")["orders"]

    assert (plan.does, plan.since) == ("changes", watermark.subtract(hours=3))


def test_what_a_run_asks_for_is_what_its_plan_said(synced: Stage) -> None:
    planned = plans_of(synced)["orders"].since
    run = synced.sync(*NAMES)
    window = run.progress["orders"].window
    assert window is not None
    assert window.since == planned


def test_pages_are_those_of_the_last_run_of_the_same_kind(synced: Stage) -> None:
    first = plans_of(synced)["cancel_reasons"].pages_last_time
    assert first == 1
    assert plans_of(synced)["orders"].pages_last_time is None
    pages = synced.query("select pages from sync_runs where entity = 'orders'")[0][0]
    assert plans_of(synced, Ask(full_refresh=True))["orders"].pages_last_time == pages

    synced.sync(*NAMES)

    assert plans_of(synced)["orders"].pages_last_time == 1
    assert plans_of(synced, Ask(full_refresh=True))["orders"].pages_last_time == pages


def test_pages_of_a_run_that_was_cut_short_do_not_count(synced: Stage) -> None:
    pages = plans_of(synced, Ask(full_refresh=True))["orders"].pages_last_time
    with duckdb.connect(str(synced.file)) as connection:
        connection.execute(
            "insert into ordergroove.sync_runs by name select * replace"
            " ('later' as run_id, 'partial' as status, pages - 1 as pages,"
            " started_at + interval 1 minute as started_at)"
            " from ordergroove.sync_runs where entity = 'orders'"
        )
    assert plans_of(synced, Ask(full_refresh=True))["orders"].pages_last_time == pages


def test_a_list_that_is_not_due_is_left_out_unless_it_is_named(synced: Stage) -> None:
    plan = plans_of(synced, whole_read_every="1d")["cancel_reasons"]
    assert plan.does == "not due"
    assert plan.since is not None
    for ask in (Ask(named=True), Ask(full_refresh=True)):
        assert plans_of(synced, ask, whole_read_every="1d")["cancel_reasons"].does == "whole list"


def test_since_and_full_refresh_change_the_plan(synced: Stage) -> None:
    since = pendulum.datetime(2026, 1, 1)
    plans = plans_of(synced, Ask(since=since))
    assert (plans["orders"].does, plans["orders"].since) == ("changes", since)
    # what the last run took, from another time on, says nothing
    assert plans["orders"].pages_last_time is None
    assert plans["cancel_reasons"].does == "whole list"
    assert plans_of(synced, Ask(full_refresh=True))["orders"].does == "everything"


def left_over(stage: Stage, watermark: pendulum.DateTime | None, **changes: Any) -> None:
    """The orders' position as a run left it that was stopped in the middle."""
    settings, entity = stage.settings(), ENTITIES["orders"]
    now = pendulum.now("UTC")
    window = Window(
        since=None,
        opened_at=now.subtract(hours=1),
        fingerprint=fingerprint_of(entity, zone=ZONE, base_url=settings.url),
        next=f"{settings.url}/orders/?cursor=x",
        spans=(Span(),),
    )
    page = Page(records=[], next=None, body=b"", fetched_at=now, server_ahead_s=None)
    position = replace(Position(watermark=watermark, window=window, zone=ZONE), **changes)
    chunk = Chunk()
    chunk.add(
        Delivery(entity=entity, batch=batch_of(entity, [page], ZONE), position=position, pages=1)
    )
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        assert load(warehouse.pipeline(scratch), chunk, create=[*LEDGER, "orders"]) == {}


def test_a_window_left_over_is_gone_on_with(new: Stage) -> None:
    left_over(new, None)
    plans = plans_of(new)
    assert plans["orders"].does == "goes on"
    assert "goes on where it was interrupted" in as_text([*plans.values()], ZONE)


def test_a_position_that_cannot_be_trusted_is_told_and_hides_nothing_else(new: Stage) -> None:
    left_over(new, pendulum.now("UTC").add(days=3))
    plans = plans_of(new)
    assert plans["orders"].does == "nothing"
    assert "lies in the future" in (plans["orders"].why or "")
    assert plans["cancel_reasons"].does == "whole list"
    assert plans_of(new, Ask(full_refresh=True))["orders"].does == "everything"


def test_what_a_run_would_refuse_its_plan_refuses(synced: Stage) -> None:
    with pytest.raises(ConfigError, match="America/Chicago"):
        plans_of(synced, timezone="America/Chicago")
    with duckdb.connect(str(synced.file)) as connection:
        connection.execute("update ordergroove.sync_runs set finished_at = now() + interval 1 day")
    with pytest.raises(ConfigError, match="in the future"):
        plans_of(synced)


def test_a_file_that_is_no_warehouse_is_refused(new: Stage) -> None:
    new.file.write_text("no database")
    with pytest.raises(ConfigError, match="cannot be opened"):
        plans_of(new)


SINCE = pendulum.datetime(2026, 6, 10, 18)


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (
            Planned(entity="orders", does="changes", since=SINCE, pages_last_time=1),
            "orders: changes since 2026-06-10 14:00 EDT (1 page last time)",
        ),
        (
            Planned(entity="orders", does="everything", pages_last_time=1200),
            "orders: everything from the beginning (1,200 pages last time)",
        ),
        (
            Planned(entity="products", does="not due", since=SINCE),
            "products: not due, read 2026-06-10 14:00 EDT",
        ),
        (Planned(entity="products", does="whole list"), "products: the whole list"),
        (Planned(entity="orders", does="nothing", why="{odd} error"), "orders: {odd} error"),
    ],
)
def test_a_plan_is_told_on_the_merchants_clock(plan: Planned, line: str) -> None:
    assert as_text([plan], ZONE).splitlines()[0] == line


def test_the_text_of_several_stands_in_columns_and_says_that_nothing_happened() -> None:
    plans = [
        Planned(entity="orders", does="nothing", why="It broke.\nMend it."),
        Planned(entity="cancel_reasons", does="whole list"),
    ]
    assert as_text(plans, ZONE).splitlines() == [
        "orders:         It broke.",
        "                Mend it.",
        "cancel_reasons: the whole list",
        "",
        "Nothing was asked of Ordergroove and nothing was written.",
    ]


def test_the_json_of_a_plan_keeps_its_shape() -> None:
    plans = [
        Planned(entity="orders", does="changes", since=SINCE, pages_last_time=3),
        Planned(entity="products", does="nothing", why="It broke."),
    ]
    assert json.loads(as_json(plans)) == [
        {
            "entity": "orders",
            "does": "changes",
            "since": "2026-06-10T18:00:00Z",
            "pages_last_time": 3,
            "why": None,
        },
        {
            "entity": "products",
            "does": "nothing",
            "since": None,
            "pages_last_time": None,
            "why": "It broke.",
        },
    ]
