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
    is_wanted = settings.views == "on" and warehouse.dialect in DEFINITIONS
    if not is_wanted or not run.committed or run.stopped_by is not None:
        return
    today = now.in_timezone(settings.timezone).date()
    try:
        done = views.apply(InWarehouse(warehouse=warehouse), zone=settings.timezone, today=today)
    # the engine's own classes are known where it is opened, not here
    except Exception as error:
        log.debug("the views could not be applied", exc_info=True)
        run.unviewed = why_not([views.first_line(error)])
        return
    for sentence in done.kept:
        log.warning("%s", sentence)
    if done.failed:
        run.unviewed = why_not(done.failed)


def why_not(reasons: list[str]) -> ViewsFailed:
    return ViewsFailed(
        f"Of the views {len(reasons)} could not be made, the first: {reasons[0]}",
        "Mend the cause, then run `ordergroove views apply`; with ORDERGROOVE_VIEWS=off a sync"
        " leaves the views alone.",
        "The tables are complete.",
    )
