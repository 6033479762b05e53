"""Writes the report into a file, which is there when it is complete."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pendulum import DateTime

from pipelines.ordergroove.report_page.asking import all_shown
from pipelines.ordergroove.report_page.library import javascript
from pipelines.ordergroove.report_page.page import page
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import ConfigError


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
    put(path, page(charts, name=name, now=now, library=library))
    return Written(
        path=path,
        asked=len(charts),
        charts=sum(1 for one in charts if one.rows),
        refused=[f"{one.chart.name}: {one.refused}" for one in charts if one.refused],
    )


def put(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, "utf-8", newline="\n")
        beside.replace(path)
    except OSError as error:
        raise ConfigError(
            what=f"{path} cannot be written: {error.strerror}.",
            do="Name a file in a directory that exists and that you may write to.",
            state="What was there before is as it was.",
        ) from None
    finally:
        beside.unlink(missing_ok=True)
