"""The end of `ordergroove demo`: three questions with SQL and answers, and the report."""

from collections.abc import Set
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pendulum

from pipelines.ordergroove import query
from pipelines.ordergroove.grid import grid
from pipelines.ordergroove.report_page.writer import write_report
from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.settings_table import ROWS
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.errors import ConfigError

QUESTIONS = ("subscribers", "revenue_by_month", "churn_by_month")
"""What `demo` asks, by the names of the files in sql/ordergroove/queries."""

MOST_ROWS = 3
"""Of each answer: question, SQL and answer of all of them fit on a screen or two."""

WIDTH = 88


def settings_for(url: str, file: Path) -> Settings:
    """What the demo syncs with: defaults, whatever the environment and the .dlt files say.

    Raises ConfigError when one of those files cannot be read.
    """
    given = {row.variable: row.default for row in ROWS if row.default}
    given |= {"ORDERGROOVE_BASE_URL": url, "ORDERGROOVE_API_KEY": "sandbox-key"}
    return load({"destination": f"duckdb:///{file}"}, given, Path.cwd(), Path.home())


def make_room(settings: Settings, file: Path, merchants: Set[str]) -> None:
    """Removes the file of an earlier demo, known by its made-up `merchants`.

    Raises ConfigError for any other file: nobody's own warehouse makes room for a demo.
    """
    if not file.exists():
        return
    if not is_of_a_demo(settings, merchants):
        raise ConfigError(
            what=f"{file} is there already, and no demo has made it.",
            do="Name another file with --into.",
            state="It was left as it is.",
        )
    file.unlink()


def is_of_a_demo(settings: Settings, merchants: Set[str]) -> bool:
    """Whether the file holds these merchants' customers only, or nothing yet."""
    try:
        with opened(settings, read_only=True) as warehouse:
            if not warehouse.has_table("customers"):
                return warehouse.rows("select 1 from information_schema.tables limit 1") == []
            customers = warehouse.table("customers")
            found = warehouse.rows(f"select distinct merchant from {customers}")
    except ConfigError:
        return False
    return {merchant for (merchant,) in found} <= merchants


def answers(warehouse: Warehouse) -> str:
    """Each question with its SQL and the first rows of its answer, as text."""
    return "\n".join(answer(warehouse, name) for name in QUESTIONS)


def answer(warehouse: Warehouse, name: str) -> str:
    """One question: the comment that asks it as title, the rest of the file, the table."""
    comment, _, sql = query_text(name).partition("\n")
    title = comment.removeprefix("-- ")
    found = query.answer(warehouse, sql)
    rows = [tuple(map(shown, row)) for row in found.rows]
    table = grid(found.names, rows[:MOST_ROWS], width=WIDTH, right=found.numbers)
    some = f", the newest {MOST_ROWS} of {len(rows)}" if len(rows) > MOST_ROWS else ""
    return f"\n{title[:1].upper()}{title[1:]}{some}\n{sql}\n{table}"


def picture(warehouse: Warehouse, file: Path) -> str:
    """Writes the report into `file`; says where it is, or what is missing for it."""
    try:
        written = write_report(warehouse, file, pendulum.now("UTC"))
    except ConfigError as lacking:
        return f"\n{lacking.what}\n{lacking.do}"
    return f"\nTo look at:   open {written.path} in a browser; it needs no network"


def query_text(name: str) -> str:
    """The SQL of one of the shipped queries. Raises FileNotFoundError when there is none."""
    return (files("sql.ordergroove") / "queries" / f"{name}.sql").read_text("utf-8")


def shown(value: object) -> str:
    """A value as people read it: thousands apart, money and shares with two places."""
    match value:
        case None:
            return "-"
        case int():
            return f"{value:,}"
        case Decimal():
            return f"{value:,.2f}"
    return str(value)
