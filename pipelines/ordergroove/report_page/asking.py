"""What the charts show: each one's query, put to the warehouse."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sqlglot import exp

from pipelines.ordergroove.report_page.charts import CHARTS, CURRENCY, UNKNOWN_CURRENCY, Chart
from pipelines.ordergroove.sql_layer.database import Database, relations
from pipelines.ordergroove.sql_layer.dialects import (
    WRITTEN_IN,
    parsed,
    qualified,
    tables_in,
    translated,
)
from sources.ordergroove.errors import ConfigError

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A chart with its rows, or with the reason why there are none."""

    chart: Chart
    sql: str
    """What answers it on this engine, for somebody who wants to ask it again."""

    rows: Sequence[Row] = ()
    missing: tuple[str, ...] = ()
    """Views that the warehouse does not have."""

    refused: str = ""
    """The engine's own words, where it did not answer."""

    @property
    def panels(self) -> Mapping[str, Sequence[Row]]:
        """The rows of each currency, or all of them under no name."""
        if not self.chart.is_money:
            return {"": self.rows} if self.rows else {}
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row[CURRENCY] or UNKNOWN_CURRENCY, []).append(row)
        return found


def all_shown(database: Database) -> list[Shown]:
    """Every chart in the page's order. Raises ConfigError when there is nothing to draw from."""
    there = relations(database).keys()
    found = [shown(database, chart, there) for chart in CHARTS]
    if all(one.missing for one in found):
        raise ConfigError(
            what="The warehouse has none of the views that the report is drawn from.",
            do="Run `ordergroove views apply`, which makes them, or `ordergroove sync` first.",
            state="No page was written.",
        )
    return found


def shown(database: Database, chart: Chart, there: Collection[str]) -> Shown:
    text = query_of(chart)
    query = parsed(text)
    asked_again = text if database.dialect == WRITTEN_IN else said(query, database.dialect, "")
    if missing := tuple(sorted(tables_in(query) - set(there))):
        return Shown(chart=chart, sql=asked_again, missing=missing)
    try:
        rows = database.rows(said(query, database.dialect, database.dataset))
    # the engine's own classes are known where it is opened, not here; nothing else runs in there
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Shown(chart=chart, sql=asked_again, refused=reason)
    named = [dict(zip(query.named_selects, row, strict=True)) for row in rows]
    # a sum over nothing is a row of nulls
    kept = [row for row in named if any(value is not None for value in row.values())]
    return Shown(chart=chart, sql=asked_again, rows=kept)


def query_of(chart: Chart) -> str:
    """The chart's SQL as it is shipped."""
    return (files("sql.ordergroove") / "report" / f"{chart.name}.sql").read_text("utf-8")


def said(query: exp.Query, dialect: str, dataset: str) -> str:
    return translated(query, dialect, lambda name: qualified(name, dataset))
