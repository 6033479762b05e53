"""A sync and the enrichment after it, for whoever tests what comes of them."""

from dataclasses import replace

from pipelines.ordergroove.graphql.enrich import Enriched, enrich
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.graphql.client import GraphQL
from tests.stories.stage import KEY, Stage


def synced_and_enriched(stage: Stage, *names: str, queries: int = 500) -> Enriched:
    """Queries that fail are given up at once, and sent as fast as they come."""
    run = stage.sync(*names)
    assert run.exit_code() == 0
    settings = replace(stage.settings(), graphql_queries=queries)
    client = GraphQL(base_url=stage.url, key=KEY, retry_limit_s=0.2, queries_a_second=900)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        return enrich(
            settings,
            warehouse,
            scratch,
            run_id=run.run_id,
            started_at=run.started_at,
            client=client,
        )
