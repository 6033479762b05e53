"""The views of the SQL layer after a run: brought up to date, and what became of them reported."""

import logging

from pendulum import DateTime

from pipelines.ordergroove.run import Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import DEFINITIONS, InWarehouse
from pipelines.ordergroove.sql_layer.text import FOUND
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import OrdergrooveError

log = logging.getLogger(__name__)


class ViewsFailed(OrdergrooveError):
    """Views are not as they should be; the tables that they read are."""

    exit_code = FOUND


def views_after(run: Run, settings: Settings, warehouse: Warehouse, now: DateTime) -> None:
    """Applies the views to what a run has loaded; none of their troubles is the run's."""
    if run.committed and run.stopped_by is None:
        run.unviewed = views_over(settings, warehouse, now)


def views_over(settings: Settings, warehouse: Warehouse, now: DateTime) -> ViewsFailed | None:
    """Brings the views up to date where they are wanted; what went wrong, if anything."""
    if settings.views == "off" or warehouse.dialect not in DEFINITIONS:
        return None
    today = now.in_timezone(settings.timezone).date()
    try:
        done = views.apply(InWarehouse(warehouse=warehouse), zone=settings.timezone, today=today)
    # the engine's own classes are known where it is opened, not here
    except Exception as error:
        log.debug("the views could not be applied", exc_info=True)
        return why_not([views.first_line(error)])
    for sentence in done.kept:
        log.warning("%s", sentence)
    return why_not(done.failed) if done.failed else None


def why_not(reasons: list[str]) -> ViewsFailed:
    return ViewsFailed(
        f"Of the views {len(reasons)} could not be made, the first: {reasons[0]}",
        "Mend the cause, then run `ordergroove views apply`; with ORDERGROOVE_VIEWS=off a sync"
        " leaves the views alone.",
        "The tables are complete.",
    )
