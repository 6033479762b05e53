"""The enrichment in every engine: a first run, a change, and what is gone goes."""

from pathlib import Path

import pytest

from pipelines.ordergroove.graphql.enrich import enrich
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.sandbox import Sandbox, World
from tests.stories.stage import KEY, Stage, staged


@pytest.fixture(params=["duckdb", "sqlite", "postgres", "mariadb"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    files = {"duckdb": f"duckdb:///{tmp_path}/w.duckdb", "sqlite": f"sqlite:///{tmp_path}/w.db"}
    engine = str(request.param)
    return files.get(engine) or str(request.getfixturevalue(f"{engine}_url"))


def enriched(stage: Stage) -> tuple[int, set[str]]:
    """How many records a run reads, and whose cancel reasons are there after it."""
    run = stage.sync("customers", "subscriptions", "orders", "items")
    assert run.exit_code() == 0
    settings = stage.settings()
    client = GraphQL(base_url=stage.url, key=KEY, queries_a_second=900)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        made = enrich(
            settings,
            warehouse,
            scratch,
            run_id=run.run_id,
            started_at=run.started_at,
            client=client,
        )
        table = warehouse.table("subscription_cancel_reasons")
        found = warehouse.rows(f"select subscription from {table} where _deleted_at is null")
    assert made.error is None
    return made.records, {key for (key,) in found}


def test_every_engine_reads_what_changed_and_forgets_what_is_gone(
    tmp_path: Path, destination: str
) -> None:
    world = World(seed=5, customers=2, days=40, alive=False)
    subscription = str(world.rows("subscriptions")[0].record["public_id"])
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
