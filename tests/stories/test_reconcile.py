"""`reconcile` finds what is not as Ordergroove shows it, and mends it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.stories.stage import Stage, assert_true, staged

NAMES = ("customers", "orders", "items", "product_groups")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=8, customers=25, zone="America/New_York", days=90, alive=False)
    world.advance(hours=20)
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path) as made:
        assert made.command("sync", *NAMES).returncode == 0
        yield made


def tamper(stage: Stage, *statements: str) -> None:
    with duckdb.connect(str(stage.file)) as connection:
        connection.execute("use ordergroove")
        for statement in statements:
            connection.execute(statement)


def told(stage: Stage, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = stage.command("reconcile", *NAMES, *words, "--json")
    assert "Traceback" not in done.stderr
    return done.returncode, {made["entity"]: made for made in json.loads(done.stdout)}


def counts(made: dict[str, Any]) -> tuple[int, int, int]:
    return made["missing"]["count"], made["stale"]["count"], made["ghost"]["count"]


@pytest.mark.parametrize("words", [(), ("--deep",)], ids=["by key", "deep"])
def test_after_a_sync_there_is_no_difference(stage: Stage, words: tuple[str, ...]) -> None:
    code, found = told(stage, *words)

    assert code == 0
    assert {counts(made) for made in found.values()} == {(0, 0, 0)}
    assert {name: made["read"] for name, made in found.items()} == {
        name: len(stage.truth(name)) for name in NAMES
    }


def test_what_is_missing_stale_or_a_ghost_is_found_and_repaired(stage: Stage) -> None:
    tamper(
        stage,
        "delete from customers where merchant_user_id ="
        " (select max(merchant_user_id) from customers)",
        "update orders set _deleted_at = now()"
        " where public_id = (select min(public_id) from orders)",
        "update orders set updated = updated - interval 1 day"
        " where public_id = (select max(public_id) from orders)",
        "insert into items by name select * replace ('ghost' as public_id) from items limit 1",
        "insert into product_groups by name"
        " select * replace ('ghost' as name) from product_groups limit 1",
    )

    code, found = told(stage)

    assert code == 5
    assert counts(found["customers"]) == (1, 0, 0)
    assert counts(found["orders"]) == (1, 1, 0)
    assert counts(found["items"]) == (0, 0, 1)
    assert found["items"]["ghost"]["examples"] == ["ghost"]
    assert counts(found["product_groups"]) == (0, 0, 1)

    code, found = told(stage, "--fix")

    # a list without single objects has to be read twice by sync itself
    assert code == 5
    assert {name: made["repaired"] for name, made in found.items()} == {
        "customers": 1,
        "orders": 2,
        "items": 1,
        "product_groups": 0,
    }
    assert_true(stage, names=("customers", "orders"), ghosts={})
    marked = stage.query("select public_id from items where _deleted_at is not null")
    assert marked == [("ghost",)]


def test_a_value_that_differs_shows_only_when_every_field_is_compared(stage: Stage) -> None:
    tamper(
        stage,
        "update customers set email = 'nobody@mail.example' where merchant_user_id ="
        " (select max(merchant_user_id) from customers)",
    )

    assert told(stage)[0] == 0
    code, found = told(stage, "--deep")
    assert (code, counts(found["customers"])) == (5, (0, 1, 0))
    assert told(stage, "--deep", "--fix")[0] == 0
    assert told(stage, "--deep")[0] == 0


def test_what_is_repaired_is_in_the_read_copy_too(stage: Stage) -> None:
    copy = stage.directory / "copy.duckdb"
    tamper(stage, "delete from customers")
    fix = ("reconcile", "customers", "--fix")

    assert stage.command(*fix, publish=str(copy)).returncode == 0

    with duckdb.connect(str(copy), read_only=True) as connection:
        told = connection.execute("select count(*) from ordergroove.customers").fetchall()
    assert told == [(len(stage.truth("customers")),)]


def test_what_changed_since_the_last_sync_is_no_difference(stage: Stage) -> None:
    stage.world.advance(hours=5)
    stage.world.touch_customer(stage.world.rows("customers")[0].record["merchant_user_id"])

    code, found = told(stage)

    assert (code, counts(found["customers"])) == (0, (0, 0, 0))
    assert found["customers"]["changed_since_last_sync"] == 1


def test_since_a_time_only_changes_are_read_and_nothing_counts_as_a_ghost(stage: Stage) -> None:
    tamper(
        stage,
        "insert into orders by name select * replace ('ghost' as public_id) from orders limit 1",
    )
    before = len(stage.sandbox.calls)

    done = stage.command("reconcile", "orders", "--since", "2100-01-01")

    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("orders: 0 records, no difference")
    assert "updated_start" in dict(stage.calls_since(before)[0].query)


def test_a_list_that_cannot_be_read_stops_no_other(stage: Stage) -> None:
    stage.sandbox.trouble.faults = (Fault(kind="400", entity="orders"),)

    done = stage.command("reconcile", *NAMES)

    assert done.returncode == 3
    assert "orders:         could not be compared" in done.stdout
    assert "items:" in done.stdout


def test_before_the_first_sync_there_is_nothing_to_compare(tmp_path: Path) -> None:
    world = World(seed=8, customers=2, zone="America/New_York", days=5)
    with staged(Sandbox(world), tmp_path) as stage:
        done = stage.command("reconcile")

    assert done.returncode == 2
    assert "ordergroove sync" in done.stderr
    assert list(tmp_path.glob("*.duckdb")) == []
