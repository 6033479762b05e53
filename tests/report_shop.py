"""A shop for the report to be drawn from: two currencies, and a product named by an enemy."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pendulum

from pipelines.ordergroove.settings import load
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.sandbox import World
from tests.marts.shops import warehouse_of

NOW = dt.datetime(2026, 6, 10, 18, tzinfo=dt.UTC)
WRITTEN_AT = pendulum.datetime(2026, 6, 10, 20)
HOSTILE = """</script><img src=x onerror="document.title='taken'"> & <b>"Oats"</b>"""

ABROAD = (
    "update ordergroove.orders set currency_code = 'EUR' where hash(customer) % 3 = 0",
    "update ordergroove.subscriptions set currency_code = 'EUR' where hash(customer) % 3 = 0",
)
NAMED = "update ordergroove.products set name = '" + HOSTILE.replace("'", "''") + "'"


def world(customers: int = 30, days: int = 200) -> World:
    return World(seed=3, customers=customers, zone="America/New_York", now=NOW, days=days)


def make_shop(directory: Path) -> None:
    """Leaves a warehouse there that nobody holds."""
    with warehouse_of(world(), directory) as database:
        database.run(*ABROAD, NAMED)


@contextmanager
def looked_at(directory: Path) -> Iterator[Warehouse]:
    """The warehouse in the directory, as the command opens it."""
    destination = f"duckdb:///{directory / 'warehouse.duckdb'}"
    settings = load({"destination": destination}, {}, directory, directory)
    with opened(settings, read_only=True) as warehouse:
        yield warehouse
