"""Writes the report into a file, which is there when it is complete."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pendulum import DateTime

from pipelines.ordergroove.report_page.asking import all_shown
from pipelines.ordergroove.report_page.library import javascript
from pipelines.ordergroove.report_page.page import page
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.warehouse import Warehouse
from pipelines.ordergroove.written_file import replacing


@dataclass(frozen=True, kw_only=True)
class Written:
    """A page, and what could not be put on it."""

    path: Path
    asked: int
    """How many charts there are."""

    charts: int
    """How many show something."""

    refused: Sequence[str]
    """A sentence for each chart that the warehouse could not answer."""


def write_report(warehouse: Warehouse, path: Path, now: DateTime) -> Written:
    """Draws the page as the warehouse stands; `now` is UTC.

    Raises ConfigError when there are no views, no library, or no way to write the file.
    """
    library = javascript()
    charts = all_shown(InWarehouse(warehouse=warehouse))
    name = warehouse.dataset or "ordergroove"
    with replacing(path) as beside:
        beside.write_text(page(charts, name=name, now=now, library=library), "utf-8", newline="\n")
    return Written(
        path=path,
        asked=len(charts),
        charts=sum(1 for one in charts if one.rows),
        refused=[f"{one.chart.name}: {one.refused}" for one in charts if one.refused],
    )
