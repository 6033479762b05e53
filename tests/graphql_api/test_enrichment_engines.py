"""Enrichment and second witness in every engine: a first run, a change, what is gone goes."""

from dataclasses import replace
from pathlib import Path

from pipelines.ordergroove.reconciling.reconcile import reconcile
from pipelines.ordergroove.warehouse import opened
from sources.ordergroove.sandbox import Sandbox, World
from tests.graphql_api.enriching import synced_and_enriched
from tests.stories.stage import Stage, staged


def enriched(stage: Stage) -> tuple[int, set[str]]:
    """How many records a run reads, and whose cancel reasons are there after it."""
    made = synced_and_enriched(stage, "customers", "subscriptions", "orders", "items")
    with opened(stage.settings(), read_only=True) as warehouse:
        table = warehouse.table("subscription_cancel_reasons")
        found = warehouse.rows(f"select subscription from {table} where _deleted_at is null")
    assert made.error is None
    return made.records, {key for (key,) in found}


def differing(stage: Stage, *, queries: int, fix: bool = False) -> dict[str, list[int]]:
    """What GraphQL says of the rows of each entity: missing, stale, ghosts, not compared."""
    settings = replace(stage.settings(), graphql_queries=queries)
    found = reconcile(settings, ("subscriptions", "orders"), via_graphql=True, fix=fix)
    assert [made.error for made in found] == [None, None]
    return {
        made.entity.name: [
            len(made.missing),
            len(made.stale),
            len(made.ghosts),
            made.second.unread if made.second else -1,
        ]
        for made in found
    }


def test_every_engine_reads_what_changed_forgets_what_is_gone_and_is_compared(
    tmp_path: Path, destination: str
) -> None:
    world = World(seed=5, customers=2, days=40, alive=False)
    subscription = str(world.rows("subscriptions")[0].record["public_id"])
    untouched = world.rows("orders")[-1].record["public_id"]
    with staged(Sandbox(world), tmp_path, destination=destination) as stage:
        first, reasons = enriched(stage)
        assert subscription not in reasons
        world.advance(minutes=1)
        world.cancel_subscription(subscription)
        second, reasons = enriched(stage)
        assert subscription in reasons
        world.advance(minutes=1)
        world.reactivate(subscription)
        third, reasons = enriched(stage)

        assert subscription not in reasons
        assert 0 < second <= first
        assert third > 0
        quiet = {"subscriptions": [0, 0, 0, 0], "orders": [0, 0, 0, 0]}
        assert differing(stage, queries=50) == quiet
        with opened(stage.settings()) as warehouse:
            orders = warehouse.table("orders")
            warehouse.execute(
                f"update {orders} set total = total + 1 where public_id = ?", [untouched]
            )
        assert differing(stage, queries=50, fix=True)["orders"] == [0, 1, 0, 0]
        assert differing(stage, queries=50) == quiet
        assert differing(stage, queries=0)["orders"][3] > 0
