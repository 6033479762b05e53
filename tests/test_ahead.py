"""The views are worded while a run still waits, and then only taken from there."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pendulum
import pytest

from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.ahead import Ahead
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Sandbox, World
from state.ordergroove.watermark import Position
from tests.stories.stage import staged

ZONE, TODAY = "America/New_York", dt.date(2026, 6, 10)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a warehouse that a run has just written to, without views."""
    directory = tmp_path_factory.mktemp("ahead")
    with staged(Sandbox(World(customers=2, days=30)), directory) as stage:
        stage.sync()
        return stage.settings()


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[Warehouse]:
    with opened(settings) as found:
        yield found


def run_that(*, committed: bool, is_read: bool = False) -> Run:
    orders = Progress(entity=ENTITIES["orders"], before=Position(), is_read=is_read)
    now = pendulum.now("UTC")
    run = Run(started_at=now, command="sync", zone=ZONE, progress={"orders": orders})
    run.committed = committed
    return run


def test_nothing_is_worded_before_the_tables_are_there(
    settings: Settings, warehouse: Warehouse
) -> None:
    ahead = Ahead(settings, warehouse)

    ahead.look(run_that(committed=False))
    ahead.wait()

    assert ahead.thread.ident is None


def test_a_run_that_has_read_everything_words_its_views_itself(
    settings: Settings, warehouse: Warehouse
) -> None:
    ahead = Ahead(settings, warehouse)

    ahead.look(run_that(committed=True, is_read=True))

    assert ahead.thread.ident is None


def test_whoever_wants_no_views_has_none_worded(settings: Settings, warehouse: Warehouse) -> None:
    ahead = Ahead(replace(settings, views="off"), warehouse)

    ahead.look(run_that(committed=True))

    assert ahead.thread.ident is None


def test_what_is_worded_ahead_is_what_the_views_are_made_of(
    settings: Settings, warehouse: Warehouse
) -> None:
    views.worded.cache_clear()
    ahead = Ahead(settings, warehouse)
    for _ in range(2):
        ahead.look(run_that(committed=True))
    ahead.wait()
    worded = views.worded.cache_info().currsize

    done = views.apply(InWarehouse(warehouse=warehouse), zone=ZONE, today=TODAY)

    assert done.failed == []
    assert views.worded.cache_info().currsize == worded > 0

    # the next run finds views that stand, and leaves them alone
    after = Ahead(settings, warehouse)
    after.look(run_that(committed=True))
    assert after.thread.ident is None


def test_what_cannot_be_looked_at_ahead_stops_no_run(settings: Settings) -> None:
    with opened(settings) as warehouse:
        ahead = Ahead(settings, warehouse)

    ahead.look(run_that(committed=True))
    ahead.wait()

    assert ahead.thread.ident is None
