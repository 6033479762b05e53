"""`reconcile --via graphql`: what differs is found and told, and nothing else is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
from graphql import GraphQLObjectType, get_named_type, parse, validate

from pipelines.ordergroove.privacy.forget import forget
from pipelines.ordergroove.reconciling import testimony
from pipelines.ordergroove.reconciling.agreeing import is_same
from pipelines.ordergroove.reconciling.comparing import Comparison
from pipelines.ordergroove.reconciling.reconcile import exit_code_of, reconcile
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.graphql.queries import list_queries_for, queries_for
from sources.ordergroove.graphql.shared import ONE_SIDED, ROOTS, Shared, camel, shared_of
from sources.ordergroove.sandbox import Fault, Key, Rules, Sandbox, World
from tests.graphql_api.generated import schema
from tests.stories.stage import Stage, assert_true, staged

EASTERN, CENTRAL = "America/New_York", "America/Chicago"
NAMES = ("subscriptions", "orders")
NOW = pendulum.datetime(2026, 6, 2, 15)


@contextmanager
def synced(
    directory: Path, *faults: Fault, world: World | None = None, zone: str = EASTERN, **rules: Any
) -> Iterator[Stage]:
    """A merchant whose subscriptions, orders and items are in the warehouse."""
    world = world or merchant(12, zone)
    sandbox = Sandbox(world, faults=faults, rules=Rules(is_ticking=True, **rules))
    with staged(sandbox, directory) as stage:
        assert stage.sync("customers", *NAMES, "items", timezone=zone).exit_code() == 0
        yield stage


def merchant(customers: int, zone: str = EASTERN, *, days: int = 300) -> World:
    return World(seed=8, customers=customers, zone=zone, now=NOW, days=days, alive=False)


def small() -> World:
    return merchant(2, days=60)


def heard(
    stage: Stage, *names: str, fix: bool = False, queries: int = 500, **settings: str
) -> dict[str, Comparison]:
    chosen = replace(stage.settings(**settings), graphql_queries=queries)
    found = reconcile(chosen, names or NAMES, fix=fix, via_graphql=True)
    return {made.entity.name: made for made in found}


def second(made: Comparison) -> testimony.Testimony:
    assert made.second is not None
    return made.second


def counts(made: Comparison) -> tuple[int, int, int]:
    assert made.error is None
    return len(made.missing), len(made.stale), len(made.ghosts)


def tamper(stage: Stage, *statements: str) -> None:
    with duckdb.connect(str(stage.file)) as connection:
        connection.execute("use ordergroove")
        for statement in statements:
            connection.execute(statement)


def calls_to_graphql(stage: Stage, before: int = 0) -> int:
    return sum(call.path.startswith("/graphql/") for call in stage.calls_since(before))


@pytest.mark.parametrize("zone", [EASTERN, CENTRAL, "EST", "UTC"])
def test_in_a_quiet_world_there_is_no_difference(tmp_path: Path, zone: str) -> None:
    with synced(tmp_path, zone=zone) as stage:
        found = heard(stage, timezone=zone)

        assert {name: counts(made) for name, made in found.items()} == dict.fromkeys(
            NAMES, (0, 0, 0)
        )
        assert {name: made.read for name, made in found.items()} == {
            name: len(stage.world.rows(name)) for name in NAMES
        }
        assert [second(made).zone for made in found.values()] == [None, None]
        assert exit_code_of([*found.values()]) == 0
        assert {"status", "total", "place", "created", "updated"} <= {
            *second(found["orders"]).compared
        }


@pytest.mark.parametrize("hour", [5, 6, 7])
def test_the_hour_that_autumn_shows_twice_is_no_difference(tmp_path: Path, hour: int) -> None:
    now = pendulum.datetime(2025, 11, 2, hour, 30)
    world = World(seed=8, customers=4, zone=EASTERN, now=now, days=60, alive=False)
    for _ in range(3):
        world.next_order(world.subscribe(world.create_customer()))
    world.advance(hours=12)
    with synced(tmp_path, world=world) as stage:
        found = heard(stage)

    assert [counts(made) for made in found.values()] == [(0, 0, 0), (0, 0, 0)]
    assert [made.ahead for made in found.values()] == [0, 0]
    assert [second(made).zone for made in found.values()] == [None, None]


def test_each_kind_of_difference_is_found_and_repaired_through_rest(tmp_path: Path) -> None:
    with synced(tmp_path) as stage:
        tamper(
            stage,
            "delete from orders where public_id = (select min(public_id) from orders)",
            "update orders set total = total + 1 where public_id ="
            " (select max(public_id) from orders)",
            "update orders set status = 99 where public_id ="
            " (select public_id from orders order by public_id limit 1 offset 3)",
            "insert into orders by name select * replace ('ghost' as public_id)"
            " from orders order by public_id limit 1",
            "update subscriptions set updated = updated - interval 40 minute, live = not live"
            " where public_id = (select min(public_id) from subscriptions)",
            "update subscriptions set _deleted_at = now() where public_id ="
            " (select max(public_id) from subscriptions)",
        )
        found = heard(stage)

        assert counts(found["orders"]) == (1, 2, 1)
        assert found["orders"].ghosts == [("ghost",)]
        assert second(found["orders"]).columns == {"total": 1, "status": 1}
        assert counts(found["subscriptions"]) == (1, 1, 0)
        assert second(found["subscriptions"]).columns == {"updated": 1, "live": 1}
        assert exit_code_of([*found.values()]) == 5

        mended = heard(stage, fix=True)
        assert {name: made.repaired for name, made in mended.items()} == {
            "orders": 4,
            "subscriptions": 2,
        }
        assert exit_code_of([*mended.values()]) == 0
        assert [second(made).disputed for made in mended.values()] == [[], []]
        assert_true(stage, names=NAMES, ghosts={"orders": {"ghost"}})
        marked = "select public_id from orders where _deleted_at is not null"
        assert stage.query(marked) == [("ghost",)]
        assert [counts(made) for made in heard(stage).values()] == [(0, 0, 0)] * 2


@pytest.mark.parametrize(
    ("true", "wrong"), [(EASTERN, CENTRAL), (CENTRAL, EASTERN), ("EST", "UTC")]
)
def test_a_zone_that_is_set_wrongly_shows_as_such(tmp_path: Path, true: str, wrong: str) -> None:
    world = merchant(12, true)
    with synced(tmp_path, world=world, zone=wrong) as stage:
        tamper(
            stage,
            "update orders set updated = updated - interval 3 hour where public_id ="
            " (select max(public_id) from orders)",
        )
        found = heard(stage, timezone=wrong)

    for name, made in found.items():
        zone = second(made).zone
        assert zone is not None
        assert f"is not {wrong}" in zone.what
        assert zone.do.startswith(f"Set ORDERGROOVE_TIMEZONE={true}, then")
        # by the right clock, only what is really different differs
        assert counts(made) == (0, int(name == "orders"), 0)
    assert exit_code_of([*found.values()]) == 5


def test_a_zone_that_nobody_names_is_told_by_its_offset(tmp_path: Path) -> None:
    world = merchant(3, "UTC", days=60)
    with synced(tmp_path, world=world) as stage:
        moved = (f"{name} = {name} - interval 9 hour" for name in ("created", "updated"))
        tamper(stage, f"update orders set {', '.join(moved)}, cancelled = null")
        made = heard(stage, "orders")["orders"]

    zone = second(made).zone
    assert zone is not None
    assert "ORDERGROOVE_TIMEZONE=Etc/GMT+9" in zone.do
    assert counts(made) == (0, 0, 0)


def test_what_changed_since_the_last_sync_is_no_difference(tmp_path: Path) -> None:
    with synced(tmp_path) as stage:
        stage.world.advance(hours=5)
        key = stage.world.rows("subscriptions")[-1].record["public_id"]
        stage.world.cancel_subscription(key)
        stage.world.subscribe(stage.world.create_customer())
        found = heard(stage)

    assert counts(found["subscriptions"]) == (0, 0, 0)
    assert found["subscriptions"].ahead == 2
    assert exit_code_of([found["subscriptions"]]) == 0


def test_the_limit_on_queries_bounds_what_is_read_and_the_rest_is_told(tmp_path: Path) -> None:
    world = merchant(60)
    with synced(tmp_path, world=world) as stage:
        rows = {name: len(stage.world.rows(name)) for name in NAMES}
        assert rows["orders"] > 300
        tamper(
            stage,
            "insert into orders by name select * replace ('old ghost' as public_id)"
            " from orders order by place limit 1",
            "insert into orders by name select * replace ('new ghost' as public_id)"
            " from orders order by place desc limit 1",
        )
        before = len(stage.sandbox.calls)
        made = heard(stage, "orders", queries=3)["orders"]
        spent = calls_to_graphql(stage, before)

        told = second(made)
        assert spent == told.queries <= 3
        assert told.first_day is not None
        assert made.ghosts == [("new ghost",)]
        assert counts(made) == (0, 0, 1)
        assert 0 < made.read < rows["orders"]
        assert made.read + told.unread == rows["orders"] + 1
        assert any("ORDERGROOVE_GRAPHQL_QUERIES" in line for line in told.lines())

        none = heard(stage, queries=0)
        assert {name: (made.read, second(made).unread) for name, made in none.items()} == {
            "subscriptions": (0, rows["subscriptions"]),
            "orders": (0, rows["orders"] + 2),
        }


def test_both_lists_share_the_limit(tmp_path: Path) -> None:
    with synced(tmp_path) as stage:
        found = heard(stage, queries=2)

    assert [second(made).queries for made in found.values()] == [1, 1]


def test_a_key_that_may_not_list_is_answered_record_by_record(tmp_path: Path) -> None:
    with synced(tmp_path, world=small()) as stage:
        total = len(stage.world.rows("orders"))
        tamper(
            stage,
            "update orders set total = total + 1 where public_id ="
            " (select max(public_id) from orders)",
            "insert into orders by name select * replace ('ghost' as public_id)"
            " from orders order by public_id limit 1",
        )
        stage.sandbox.keys = {"sandbox-key": Key(bulk=False)}
        made = heard(stage, "orders")["orders"]

    assert counts(made) == (0, 1, 1)
    assert made.read == total
    assert second(made).is_by_id
    assert any("may not list" in line for line in second(made).lines())


def test_what_only_the_list_leaves_out_is_no_ghost(tmp_path: Path) -> None:
    with synced(tmp_path) as stage:
        # a row that the list shows no more because its day was moved before the first that is read
        key = stage.world.rows("orders")[0].record["public_id"]
        stage.world.edit("orders", key, place="1999-01-01 00:00:00")
        made = heard(stage, "orders")["orders"]

    assert made.ghosts == []
    assert made.ahead + len(made.stale) == 1


def test_where_the_two_apis_contradict_each_other_nothing_is_repaired(tmp_path: Path) -> None:
    with synced(tmp_path) as stage:
        key = stage.world.rows("orders")[0].record["public_id"]
        truth = Fault(kind="set", entity="orders", where="single", field="total",
                      value="7.77", row=0)  # fmt: skip
        tamper(stage, f"update orders set total = 7.77 where public_id = '{key}'")
        stage.sandbox.trouble.faults = (truth,)
        made = heard(stage, "orders", fix=True)["orders"]

    assert counts(made) == (0, 1, 0)
    assert made.repaired == 0
    assert second(made).disputed == [(key,)]
    assert exit_code_of([made]) == 5
    assert any("REST shows 1 record as the warehouse" in line for line in second(made).lines())


@pytest.mark.parametrize(("kind", "code"), [("401", 7), ("503", 6), ("not json", 1)])
def test_without_graphql_it_says_why_and_ends_with_the_code_that_fits(
    tmp_path: Path, kind: str, code: int
) -> None:
    with synced(tmp_path, world=small()) as stage:
        stage.sandbox.trouble.faults = (Fault(kind=kind, entity="graphql"),)
        found = [*heard(stage, retry_limit="0.2s").values()]

    assert exit_code_of(found) == code
    for made in found:
        assert "GraphQL" in str(made.error) or "/graphql/" in str(made.error)


def test_what_was_never_synced_is_told_and_the_other_compared(tmp_path: Path) -> None:
    with synced(tmp_path, world=small()) as stage:
        tamper(stage, "drop table subscriptions")
        found = heard(stage)
        by_rest = reconcile(stage.settings(), NAMES)

    assert "sync subscriptions" in str(found["subscriptions"].error)
    assert counts(found["orders"]) == (0, 0, 0)
    assert exit_code_of([*found.values()]) == exit_code_of(by_rest) == 3


@pytest.mark.parametrize("kind", ["404", "410"])
def test_a_version_that_is_not_there_stops_it_with_the_setting(tmp_path: Path, kind: str) -> None:
    with synced(tmp_path, world=small()) as stage:
        stage.sandbox.trouble.faults = (Fault(kind=kind, entity="graphql"),)
        with pytest.raises(ConfigError, match="ORDERGROOVE_GRAPHQL_VERSION"):
            heard(stage)


def test_the_command_tells_people_and_programs(tmp_path: Path) -> None:
    sunsets = {"2026-01": datetime.now(UTC) + timedelta(days=40, hours=5)}
    with synced(tmp_path, world=small(), sunsets=sunsets) as stage:
        tamper(stage, "delete from orders where public_id = (select min(public_id) from orders)")
        people = stage.command("reconcile", "--via", "graphql")
        programs = stage.command("reconcile", "--via", "graphql", "--json", "orders")

    assert people.returncode == programs.returncode == 5
    assert "no difference" in people.stdout
    assert "1 missing" in people.stdout
    assert "not compared: " in people.stdout
    assert "in 40 days: set ORDERGROOVE_GRAPHQL_VERSION" in people.stdout
    (told,) = json.loads(programs.stdout)
    assert told["missing"]["count"] == 1
    assert told["graphql"]["queries"] >= 1
    assert "type" in told["graphql"]["not_compared"]
    assert told["graphql"]["zone"] is None


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("items",), "lists subscriptions and orders"),
        (("orders", "items"), "lists subscriptions and orders"),
        (("orders", "--since", "2026-01-01"), "no filter by change time"),
    ],
)
def test_what_graphql_cannot_tell_is_refused(
    tmp_path: Path, words: tuple[str, ...], what: str
) -> None:
    with staged(Sandbox(merchant(1, days=2)), tmp_path) as stage:
        done = stage.command("reconcile", "--via", "graphql", *words)

    assert done.returncode == 2
    assert what in done.stderr
    assert stage.sandbox.calls == []


@pytest.mark.parametrize("name", ROOTS)
def test_every_field_that_both_apis_show_is_compared(name: str) -> None:
    types = schema().type_map
    fields = types[f"{ROOTS[name].capitalize()}Type"]
    assert isinstance(fields, GraphQLObjectType)
    paths = {shared.column.name: shared.path for shared in shared_of(name)}
    for query in (
        *queries_for(ROOTS[name], paths.values()),
        *list_queries_for(name, paths.values()),
    ):
        assert not validate(schema(), parse(query)), query
    for column in ENTITIES[name].columns:
        field = fields.fields.get(camel(column.name))
        is_object = field and isinstance(get_named_type(field.type), GraphQLObjectType)
        if column.name in ONE_SIDED[name] - {"external_id"}:
            assert field is None, column.name
        elif column.name in paths:
            assert paths[column.name][0] in fields.fields
        elif column.name != "external_id":
            assert is_object, column.name


def shared(name: str, column: str) -> Shared:
    return next(s for s in shared_of(name) if s.column.name == column)


@pytest.mark.parametrize(
    ("column", "held", "told", "is_so"),
    [
        # whatever spelling another server may have
        ("updated", "2026-06-01 11:00:00", "2026-06-01T10:00:00.123456-05:00", True),
        ("updated", "2026-06-01 11:00:00", "2026-06-01T15:00:00Z", True),
        ("updated", "2026-06-01 11:00:01", "2026-06-01T15:00:00Z", False),
        ("updated", "2026-06-01 11:00:00", "soon", False),
        ("updated", None, None, True),
        ("updated", None, "2026-06-01T15:00:00Z", False),
        ("place", "2026-06-01 00:00:00", "2026-06-01T00:00:00-05:00", True),
        ("place", "2026-06-01 00:00:00", "2026-05-31T23:00:00-05:00", True),
        ("place", "2026-06-01 00:00:00", "2026-06-01", True),
        ("place", "2026-06-01 00:00:00", "2026-06-02T00:00:00-05:00", False),
        ("total", "12.5000", 12.5, True),
        ("total", "12.5000", "12.50", True),
        ("total", "12.5000", "12.51", False),
        ("total", "12.5000", "undefined", False),
        ("status", 5, 5, True),
        ("status", 5, "5", True),
        ("status", 5, 1, False),
        ("locked", 1, True, True),
        ("locked", 0, True, False),
        ("rejected_message", None, "", True),
        ("rejected_message", "x", None, False),
        ("extra_data", '{"a": 1}', '{"a":1}', True),
        ("extra_data", '"{\\"a\\": 1}"', '{"a":1}', True),
        ("extra_data", None, "{}", True),
        ("extra_data", "no json", "no json", True),
        ("extra_data", '{"a": 1}', '{"a":2}', False),
    ],
)
def test_values_are_compared_by_what_they_mean(
    column: str, held: Any, told: Any, is_so: bool
) -> None:
    assert is_same(shared("orders", column), held, told, EASTERN) is is_so


@pytest.mark.parametrize(
    ("held", "told", "is_so"), [("4", 4, True), ("4|", 4, True), ("4|no need", 5, False)]
)
def test_a_cancel_reason_is_compared_by_its_code(held: str, told: int, is_so: bool) -> None:
    one = shared("subscriptions", "cancel_reason_code")
    assert is_same(one, held, told, EASTERN) is is_so


def test_who_was_forgotten_is_no_difference(tmp_path: Path) -> None:
    with synced(tmp_path, world=small()) as stage:
        customer = stage.world.rows("orders")[0].record["customer"]
        settings = stage.settings(inbox="none")
        forget(settings, customer)
        found = heard(stage)
        tamper(stage, "update orders set total = total + 1")
        changed = heard(stage, "orders")["orders"]

    assert [counts(made) for made in found.values()] == [(0, 0, 0), (0, 0, 0)]
    assert len(changed.stale) == changed.read > 0
