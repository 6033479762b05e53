"""What the last enrichment left to be told: the end of a version, an error."""

from collections.abc import Iterator

from pendulum import DateTime

from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.graphql.answer import sunset_warning


def told_by_graphql(warehouse: Warehouse, now: DateTime) -> Iterator[str]:
    """Lines for `status`, of the newest run with the enrichment; none without one."""
    if not warehouse.has_table("graphql_runs"):
        return
    found = warehouse.rows(
        "select version, sunset_at, left_over, error"
        f" from {warehouse.table('graphql_runs')} order by started_at desc limit 1"
    )
    for version, sunset, left_over, error in found:
        if sunset is not None:
            yield sunset_warning(version, instant_of(sunset), now)
        if error:
            yield f"graphql: last run failed: {error}"
        elif left_over:
            yield f"graphql: {left_over:,} orders and subscriptions wait to be read by later runs."
