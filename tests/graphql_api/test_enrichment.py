"""The enrichment over real HTTP: what changed is read, replaced whole, and never lost."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.ordergroove.graphql.enrich import Enriched
from pipelines.ordergroove.graphql.rows import Read, rows_of
from sources.ordergroove.errors import KeyRefused
from sources.ordergroove.graphql.wanted import TABLES, WANTED
from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.graphql_api.enriching import synced_and_enriched
from tests.stories.stage import Stage, staged

NOW = datetime(2026, 6, 2, 15, tzinfo=UTC)
NAMES = ("customers", "subscriptions", "orders", "items", "products", "one_time_incentives")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(Sandbox(small()), tmp_path) as stage:
        yield stage


def small() -> World:
    return World(seed=5, customers=3, days=60, alive=False)


def synced(stage: Stage, *, queries: int = 500, fails: bool = False) -> Enriched:
    made = synced_and_enriched(stage, *NAMES, queries=queries)
    assert (made.error is not None) == fails
    return made


def graphql_calls(stage: Stage) -> int:
    return sum(call.path.startswith("/graphql/") for call in stage.sandbox.calls)


def test_every_changed_order_and_subscription_is_read_once(stage: Stage) -> None:
    made = synced(stage)
    parents = len(stage.world.rows("orders")) + len(stage.world.rows("subscriptions"))

    assert (made.records, made.left_over) == (parents, 0)
    assert graphql_calls(stage) == made.queries
    reasons = {
        (r.record["public_id"], int(r.record["cancel_reason_code"].partition("|")[0]))
        for r in stage.world.rows("subscriptions")
        if r.record["cancel_reason_code"]
    }
    assert set(stage.query("select subscription, code from subscription_cancel_reasons")) == reasons
    offered = {r.record["public_id"] for r in stage.world.rows("items") if r.record["offer"]}
    rows = stage.query("select item, source_type, discounted_amount from order_applied_incentives")
    assert {item for item, kind, _ in rows if kind == "offer"} == offered
    assert all(amount == Decimal("1.0000") for _, kind, amount in rows if kind == "offer")

    again = synced(stage)
    assert (again.records, again.queries) == (0, 0)


def test_what_changed_is_read_again_and_what_is_gone_goes(stage: Stage) -> None:
    subscription = stage.world.rows("subscriptions")[0].record["public_id"]
    stage.world.cancel_subscription(subscription)
    synced(stage)
    assert (subscription,) in stage.query("select subscription from subscription_cancel_reasons")

    stage.world.advance(minutes=5)
    stage.world.reactivate(subscription)
    made = synced(stage)

    assert 1 <= made.records < 6
    table = stage.query("select subscription, _deleted_at from subscription_cancel_reasons")
    assert subscription not in {key for key, _ in table}
    assert all(at is None for _, at in table)


def test_the_limit_on_queries_postpones_and_never_loses(stage: Stage) -> None:
    first = synced(stage, queries=1)
    assert first.queries == 1
    assert first.left_over > 3

    rest = synced(stage, queries=500)
    assert rest.records == first.left_over
    assert rest.left_over == 0
    assert stage.query("select count(*) from graphql_reads") == [(first.records + rest.records,)]


def test_history_from_before_it_was_switched_on_is_left_alone(stage: Stage) -> None:
    stage.sync(*NAMES)
    stage.world.advance(hours=5)
    stage.world.touch_customer(stage.world.rows("customers")[0].record["merchant_user_id"])
    made = synced(stage)

    assert made.left_over == 0
    assert made.records <= len(stage.world.rows("orders"))
    before = len(stage.world.rows("orders")) + len(stage.world.rows("subscriptions"))
    assert made.records < before


def test_a_refused_key_is_told_and_the_next_run_reads_what_was_left(tmp_path: Path) -> None:
    sandbox = Sandbox(small(), faults=[Fault(kind="403", entity="graphql", from_page=2)])
    with staged(sandbox, tmp_path) as stage:
        failed = synced(stage, fails=True)
        assert isinstance(failed.error, KeyRefused)
        assert 0 < failed.records < failed.records + failed.left_over
        stage.sandbox.trouble.faults = ()
        (told,) = stage.query("select error from graphql_runs")[0]
        assert "403" in told

        assert synced(stage).records == failed.left_over


def test_one_record_that_fails_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    # the list, and the second record that is asked for by itself
    faults = [Fault(kind="400", entity="graphql", nth=number) for number in (1, 3)]
    sandbox = Sandbox(small(), faults=faults)
    with staged(sandbox, tmp_path) as stage:
        made = synced(stage)
        assert made.left_over == 1
        assert synced(stage).left_over == 0


def test_a_version_that_ended_is_told(stage: Stage) -> None:
    stage.sandbox.rules = replace(stage.sandbox.rules, sunsets={"2026-01": NOW})
    made = synced(stage, fails=True)
    assert made.records == 0
    assert "ORDERGROOVE_GRAPHQL_VERSION" in str(made.error)


def test_tables_without_rows_are_made_with_the_first_that_needs_them(stage: Stage) -> None:
    synced(stage)
    there = {name for (name,) in stage.query("select table_name from information_schema.tables")}
    assert there >= {*TABLES, "graphql_reads", "graphql_runs"}


@pytest.mark.parametrize(
    ("value", "code", "kept"),
    [
        (4, 4, None),
        ("4", 4, None),
        (4.5, None, '{"code": 4.5}'),
        (True, None, '{"code": true}'),
        (10**30, None, '{"code": 1000000000000000000000000000000}'),
        ("four", None, '{"code": "four"}'),
        (None, None, None),
    ],
)
def test_a_value_of_another_type_is_null_and_kept_beside(
    value: Any, code: int | None, kept: str | None
) -> None:
    wanted = next(w for w in WANTED if w.table == "subscription_cancel_reasons")
    found = {"cancelReasonCode": {"code": value, "reason": "no need"}}
    read = Read(entity="subscriptions", key="s", stamp=None, read_at=NOW, found=found)
    (row,) = rows_of(wanted, read)
    assert row.get("code") == code
    assert row["reason"] == "no need"
    assert row["_unparsed"] == kept


def test_a_sync_enriches_when_it_is_told_to_and_says_so(tmp_path: Path) -> None:
    sunsets = {"2026-01": datetime.now(UTC) + timedelta(days=40, hours=5)}
    sandbox = Sandbox(small(), rules=Rules(sunsets=sunsets, is_ticking=True))
    with staged(sandbox, tmp_path) as stage:
        off = stage.command("sync", "customers", "orders")
        assert (off.returncode, graphql_calls(stage)) == (0, 0)
        stage.world.advance(hours=3)
        stage.world.add_upsell(
            next(
                r.record["public_id"] for r in stage.world.rows("orders") if r.record["status"] == 1
            )
        )
        on = stage.command("sync", "customers", "orders", graphql_enrichment="on")
        told = stage.command("status")

    assert on.returncode == 0, on.stderr
    assert "GraphQL: 1 record read" in on.stdout
    assert "in 40 days: set ORDERGROOVE_GRAPHQL_VERSION" in on.stdout
    assert "in 40 days: set ORDERGROOVE_GRAPHQL_VERSION" in " ".join(told.stdout.split())
    assert graphql_calls(stage) >= 1


def test_a_failed_enrichment_is_a_partial_run_and_leaves_the_sync_complete(tmp_path: Path) -> None:
    with staged(Sandbox(small(), faults=[Fault(kind="410", entity="graphql")]), tmp_path) as stage:
        done = stage.command("sync", "customers", "orders", graphql_enrichment="on")
        told = stage.command("status", "--json")

    assert done.returncode == 3, done.stderr
    assert "GraphQL version 2026-01 has ended (410)" in done.stdout
    assert "last run failed" in told.stdout
    assert stage.query("select count(*) > 0 from orders") == [(True,)]


def test_when_one_record_after_the_other_fails_the_reading_ends(tmp_path: Path) -> None:
    with staged(Sandbox(small(), faults=[Fault(kind="400", entity="graphql")]), tmp_path) as stage:
        made = synced(stage, fails=True)
        # a list first, which may be refused for its own sake
        assert graphql_calls(stage) == 1 + 5
    assert made.records == 0
    assert made.left_over > 5
