"""What the warehouse remembers of rows: every version that a run saw, and nothing else."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pendulum
import pytest

from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.sql_layer.views import apply
from pipelines.ordergroove.versions.history import Versions
from pipelines.ordergroove.versions.views import version_views
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Rules, Sandbox, World
from tests.stories.by_hand import by_hand
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, expected_columns, staged
from tests.stories.truth import expected_rows, stored

KEPT = ("customers", "subscriptions", "orders", "items")
HISTORY = ",".join(KEPT)
DAYS = 60
ZONE = "America/New_York"

Told = dict[str, list[str | None]]
"""What was true of each record, run after run; None: there was no such record any more."""


@pytest.fixture
def stage(destination: str, tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=6, customers=8, zone=ZONE, days=30)
    sandbox = Sandbox(world, rules=Rules(is_ticking=True))
    with staged(sandbox, tmp_path, destination=destination) as made:
        yield made


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=6, customers=8, zone=ZONE, days=30)
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path) as made:
        yield made


def fingerprint(row: dict[str, Any]) -> str:
    kept = {name: value for name, value in row.items() if not name.endswith("_utc")}
    return json.dumps(kept, sort_keys=True, default=str)


def note(world: Any, name: str, told: Told) -> None:
    """Adds to the log of each record what it has become, if it has."""
    rows = expected_rows(name, world.truth(name), ZONE)
    truth = {key[0]: fingerprint(row) for key, row in rows.items()}
    for key in told.keys() | truth.keys():
        log = told.setdefault(key, [])
        if not log or log[-1] != truth.get(key):
            log.append(truth.get(key))


def versions(warehouse: Warehouse, name: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of `<name>_versions` by record, in their order."""
    made = InWarehouse(warehouse=warehouse)
    done = apply(made, zone="UTC", today=date(2026, 6, 10), shipped=version_views())
    assert done.failed == []
    columns = [*expected_columns(name), "valid_from", "valid_to", "is_current"]
    listed = ", ".join(f'"{column}"' for column in columns)
    table = warehouse.table(f"{name}_versions")
    found: dict[str, list[dict[str, Any]]] = {}
    for row in warehouse.rows(f"select {listed} from {table} order by valid_from"):
        version = dict(zip(columns, row, strict=True))
        found.setdefault(version[ENTITIES[name].key[0]], []).append(version)
    return found


def assert_as_told(warehouse: Warehouse, name: str, told: Told) -> None:
    found = versions(warehouse, name)
    columns = list(expected_columns(name))
    for record, log in told.items():
        mine = found.pop(record, [])
        rows = [stored(name, columns, [tuple(r[c] for c in columns)]) for r in mine]
        seen = [fingerprint(row) for made in rows for row in made.values()]
        assert seen == [text for text in log if text is not None], f"{name} {record}"
        for one, after in pairwise(mine):
            assert one["valid_from"] < one["valid_to"] <= after["valid_from"]
        # nothing but a deletion leaves a time of which nobody knows
        gaps = sum(one["valid_to"] < after["valid_from"] for one, after in pairwise(mine))
        assert gaps == sum(text is None for text in log[:-1])
        currents = [bool(one["is_current"]) for one in mine]
        assert currents == [False] * (len(mine) - 1) + [log[-1] is not None]
        assert (mine[-1]["valid_to"] is None) == currents[-1]
    assert found == {}


def test_the_history_is_the_worlds_own_log_on_every_engine(stage: Stage) -> None:
    rng, told = Random(4), {name: Told() for name in KEPT}
    for number in range(6):
        if number:
            something_happens(stage.world, rng, rng.choice((0, 6, 12)))
        assert stage.sync(*KEPT, history=HISTORY).exit_code() == 0
        for name in KEPT:
            note(stage.world, name, told[name])
    with opened(stage.settings()) as warehouse:
        for name in KEPT:
            assert_as_told(warehouse, name, told[name])


def test_the_history_of_60_days_is_the_worlds_own_log() -> None:
    rng, told = Random(8), {name: Told() for name in KEPT}
    world = World(
        seed=8, customers=25, zone=ZONE, days=40, now=datetime(2035, 6, 5, 18, tzinfo=UTC)
    )
    with by_hand(world) as stage:
        kept = Versions(warehouse=stage.warehouse, names=KEPT)
        for _ in range(DAYS):
            something_happens(world, rng, rng.choice((0, 3, 9)))
            assert stage.sync(KEPT, pendulum.instance(world.now)).exit_code() == 0
            kept.catch_up()
            for name in KEPT:
                note(world, name, told[name])
            world.advance(days=1)
        for name in KEPT:
            assert_as_told(stage.warehouse, name, told[name])
    assert sum(len(log) > 2 for log in told["orders"].values()) > 20
    assert any(None in log for log in told["items"].values())


def test_a_version_that_a_crash_left_out_is_there_before_it_is_replaced(local: Stage) -> None:
    told = Told()
    order = local.world.truth("orders")[-1]["public_id"]
    # a package without the statement after it is what a kill between the two leaves
    for total, history in (("1.00", "orders"), ("2.00", "none"), ("3.00", "orders")):
        local.world.edit("orders", order, total=total)
        local.sync("orders", history=history)
        note(local.world, "orders", told)
    with opened(local.settings()) as warehouse:
        assert_as_told(warehouse, "orders", told)
    assert len(told[order]) == 3


def test_a_row_that_is_read_again_unchanged_opens_no_version(local: Stage) -> None:
    local.sync("orders", history="orders")
    before = local.query("select count(*), min(_synced_at), max(_synced_at) from orders_history")
    local.sync("orders", history="orders", ask=Ask(full_refresh=True))
    assert local.query("select min(_synced_at) > ? from orders".replace("?", f"'{before[0][2]}'"))
    after = local.query("select count(*), min(_synced_at), max(_synced_at) from orders_history")
    assert after == before


def test_a_field_that_nobody_knew_becomes_part_of_the_versions(local: Stage) -> None:
    order = local.world.truth("orders")[-1]["public_id"]
    local.sync("orders", history="orders")
    local.world.edit("orders", order, carrier_pigeon="Emma")
    local.sync("orders", history="orders")
    rows = f"select carrier_pigeon from orders_history where public_id = '{order}'"
    assert local.query(f"{rows} order by _synced_at") == [(None,), ('"Emma"',)]


def test_without_the_setting_there_is_no_history(local: Stage) -> None:
    local.sync("orders")
    assert not [name for name in local.tables() if name.endswith("_history") and "stg" not in name]


def test_a_row_that_lives_again_opens_a_version_though_nothing_else_differs() -> None:
    world = World(seed=6, customers=3, zone=ZONE, days=30, alive=False)
    with by_hand(world) as stage:
        kept = Versions(warehouse=stage.warehouse, names=("orders",))
        stage.sync(["orders"], pendulum.instance(world.now))
        kept.catch_up()
        ((key, at),) = stage.warehouse.rows(
            "select public_id, _synced_at from ordergroove.orders limit 1"
        )
        marked = "update ordergroove.orders set _deleted_at = ? where public_id = ?"
        stage.warehouse.execute(marked, [pendulum.instance(at).add(hours=1), key])
        for hours in (0, 2):
            kept.catch_up()
            assert len(versions(stage.warehouse, "orders")[key]) == 1
            world.advance(hours=hours)
        stage.sync(["orders"], pendulum.instance(world.now), Ask(full_refresh=True))
        kept.catch_up()
        one, after = versions(stage.warehouse, "orders")[key]
    assert one["valid_to"] < after["valid_from"]
    assert (one["is_current"], after["is_current"]) == (False, True)
