"""Tables that the models read and that come from this program: words for codes, and days."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from hashlib import sha256

from pipelines.ordergroove.sql_layer.calendar_days import days, span
from pipelines.ordergroove.sql_layer.database import TABLE, Rows, create_table, quoted
from pipelines.ordergroove.sql_layer.made import Made
from pipelines.ordergroove.sql_layer.models import folder
from pipelines.ordergroove.sql_layer.relations import DIM_DATES, SEEDS

DATES = "dim_dates"
PROVIDED = (*SEEDS, DATES)


def provide(made: Made, zone: str, today: date) -> list[str]:
    """Creates and fills what is missing of them; returns the names it had to work on.

    Rows that users changed or added stay, and so does a table that somebody else made.
    """
    touched = [name for name in SEEDS if made.is_free(name) and is_seeded(made, name)]
    if made.is_free(DATES) and is_dated(made, zone, today):
        touched.append(DATES)
    return touched


def seed_text(name: str) -> str:
    return (folder("seeds") / f"{name}.csv").read_text("utf-8")


def seed_rows(name: str) -> list[dict[str, object]]:
    """The rows of a seed file, its flags as booleans."""
    words: Mapping[str, object] = {"true": True, "false": False}
    return [
        {column: words.get(value, value) for column, value in row.items()}
        for row in csv.DictReader(io.StringIO(seed_text(name)))
    ]


def is_seeded(made: Made, name: str) -> bool:
    """Adds the shipped rows whose key is missing, once for each version of the file.

    Returns whether there was anything to do.
    """
    columns = SEEDS[name]
    fingerprint = sha256(seed_text(name).encode()).hexdigest()
    if made.holds(name, TABLE, fingerprint):
        return False
    key = next(iter(columns))
    table = quoted(name, made.database)
    exists = name in made.there
    held = made.database.rows(f"select {key} from {table}") if exists else []
    known = {str(row[0]) for row in held}
    missing = [row for row in seed_rows(name) if str(row[key]) not in known]
    made.make(
        name,
        TABLE,
        fingerprint,
        *([] if exists else [create_table(made.database, name, columns, [key])]),
        Rows(table=name, columns=columns, rows=missing),
    )
    return True


def is_dated(made: Made, zone: str, today: date) -> bool:
    """Fills the table of days, anew when the zone is another or the year has changed.

    Returns whether there was anything to do.
    """
    first, last = span(today)
    fingerprint = f"{first} {last} {zone}"
    if made.holds(DATES, TABLE, fingerprint):
        return False
    exists = DATES in made.there
    made.make(
        DATES,
        TABLE,
        fingerprint,
        f"delete from {quoted(DATES, made.database)}"
        if exists
        else create_table(made.database, DATES, DIM_DATES, ["date_day"]),
        Rows(table=DATES, columns=DIM_DATES, rows=[*days(first, last, zone)]),
    )
    return True
