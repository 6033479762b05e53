"""One text, many engines: every view gives the same rows on each, SQLite the ones it is meant for.

The same tables are put into each of them.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ordergroove.demo import query_text
from pipelines.ordergroove.query import answer
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import Database, InWarehouse, quoted
from pipelines.ordergroove.sql_layer.models import Model, models
from pipelines.ordergroove.sql_layer.views import check
from sources.ordergroove.sandbox import World
from tests.marts.odd_books import Books
from tests.marts.shops import ZONE, Event, apply, copied, lived, warehouse_of
from tests.readme import SHIPPED as QUERIES
from tests.servers import Server

SQLITE = re.compile("^(stg_|dim_)|^fct_orders$|^fct_order_items$")
ServerOf = Callable[[str], Server]
OWN_CLOCK = {"synced_at"}
"""Columns that tell when this very run fetched a row."""


class Shops:
    """Books in a DuckDB file, and in other engines when they are asked for."""

    def __init__(
        self,
        name: str,
        books: tuple[World, Sequence[Event]],
        directory: Path,
        stack: ExitStack,
        server: ServerOf,
    ) -> None:
        self.name = name
        self.directory = directory
        self.stack = stack
        self.server = server
        self.world, events = books
        self.home = stack.enter_context(warehouse_of(self.world, directory, events))
        self.others: dict[str, InWarehouse] = {}

    def on(self, name: str) -> InWarehouse:
        if name not in self.others:
            made = copied(self.home, self.destination(name), self.directory)
            self.others[name] = self.stack.enter_context(made)
            apply(self.others[name], self.world)
        return self.others[name]

    def destination(self, name: str) -> str:
        if name == "sqlite":
            return f"sqlite:///{self.directory / 'warehouse.sqlite'}"
        server = self.server(name)
        if server.kind == "postgres":
            # MariaDB's are made with the collation they need
            server.connect().cursor().execute(f"create database {self.name}")
        return server.url_of(self.name)


ENGINES = ("postgres", "mariadb", "sqlite")
CASES = [
    (engine, model)
    for engine in ENGINES
    for model in models()
    if engine != "sqlite" or SQLITE.search(model.name)
]


@pytest.fixture(scope="module")
def shops(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shops]:
    with ExitStack() as stack:
        yield Shops(
            "life11", life(11), tmp_path_factory.mktemp("shops"), stack, servers_of(request)
        )


def servers_of(request: pytest.FixtureRequest) -> ServerOf:
    """Starts a server when it is asked for, once for the whole session."""

    def server(name: str) -> Server:
        found: Server = request.getfixturevalue(f"{name}_server")
        return found

    return server


def rows(database: Database, model: Model, kinds: dict[str, str]) -> list[tuple[Any, ...]]:
    names = [name for name in model.query.named_selects if name not in OWN_CLOCK]
    # names of columns may be words of an engine
    mark = "`" if database.dialect == "mysql" else '"'
    listed = ", ".join(f"{mark}{name}{mark}" for name in names)
    found = database.rows(f"select {listed} from {quoted(model.name, database)}")
    shown = [
        tuple(same(value, kinds[name]) for name, value in zip(names, row, strict=True))
        for row in found
    ]
    return sorted(shown, key=repr)


def same(value: Any, kind: str) -> Any:
    """A value as every engine would give it if all had the same types."""
    if value is None:
        return None
    if kind == "BOOLEAN":
        return bool(value)
    if kind.startswith(("DECIMAL", "DOUBLE", "HUGEINT")):
        return Decimal(str(value)).quantize(Decimal("0.0001"))
    if kind == "DATE":
        return str(value)[:10]
    if kind.startswith("TIMESTAMP"):
        return moment(value)
    if kind == "JSON":
        return re.sub(r"\s", "", value if isinstance(value, str) else repr(value)) and "json"
    return value


def moment(value: Any) -> str:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    return f"{value:%Y-%m-%d %H:%M:%S}"


def kinds_of(database: InWarehouse, model: Model) -> dict[str, str]:
    cursor: duckdb.DuckDBPyConnection = database.warehouse.connection.cursor()
    described = cursor.execute(f"describe {quoted(model.name, database)}").fetchall()
    return {row[0]: row[1] for row in described}


@pytest.mark.parametrize(
    ("engine", "model"), CASES, ids=[f"{engine}-{model.name}" for engine, model in CASES]
)
def test_a_view_gives_the_same_rows_on_every_engine(
    engine: str, model: Model, shops: Shops
) -> None:
    other = shops.on(engine)
    kinds = kinds_of(shops.home, model)
    assert rows(other, model, kinds) == rows(shops.home, model, kinds)


def life(seed: int) -> tuple[World, Sequence[Event]]:
    """One that an oracle has counted."""
    witness = lived(seed)
    return witness.world, witness.events()


def odd_books() -> tuple[World, Sequence[Event]]:
    books = Books()
    books.spoil()
    return books.world, []


OTHERS: dict[str, Callable[[], tuple[World, Sequence[Event]]]] = {
    "life3": lambda: life(3),
    "life29": lambda: life(29),
    "odd_books": odd_books,
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_other_books_give_the_same_marts_on_every_engine(
    engine: str, name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        shops = Shops(name, OTHERS[name](), tmp_path, stack, servers_of(request))
        other = shops.on(engine)
        # the slow ones once only, whoever reads them
        done = views.apply(other, zone=ZONE, today=shops.world.now.date(), materialize=True)
        assert (done.failed, done.kept) == ([], [])
        for model in models():
            if model.layer == "marts":
                kinds = kinds_of(shops.home, model)
                assert rows(other, model, kinds) == rows(shops.home, model, kinds), model.name


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_a_shipped_query_gives_the_same_answer_on_every_engine(
    engine: str, name: str, shops: Shops
) -> None:
    """As `ordergroove query` gives it: asked in the words of the file, in the file's order."""
    home = shops.home.warehouse.connection.cursor()
    home.execute(f"use {shops.home.dataset}")
    described = home.execute(query_text(name)).description
    kinds = [str(column[1]) for column in described]

    def told(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [tuple(map(same, row, kinds)) for row in found]

    found = answer(shops.on(engine).warehouse, query_text(name))
    assert found.names == tuple(column[0] for column in described)
    assert (answers := told(found.rows)) == told(home.fetchall())
    assert answers


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_checks_find_the_same_on_every_engine(engine: str, shops: Shops) -> None:
    assert check(shops.on(engine)) == check(shops.home)


@pytest.mark.parametrize("engine", ENGINES)
def test_slow_views_as_tables_hold_the_same_rows(engine: str, shops: Shops) -> None:
    other = shops.on(engine)
    today = shops.world.now.date()
    slow = [model for model in models() if model.is_slow and model.layer == "marts"]
    # made, filled anew, and turned back
    for materialize in (True, None, False):
        done = views.apply(other, zone=ZONE, today=today, materialize=materialize)
        assert (done.failed, done.kept) == ([], [])
        for model in slow if engine != "sqlite" and materialize is not False else ():
            kinds = kinds_of(shops.home, model)
            assert rows(other, model, kinds) == rows(shops.home, model, kinds)


@pytest.mark.parametrize("engine", ENGINES)
def test_views_can_be_changed_on_every_engine(engine: str, shops: Shops) -> None:

    other = shops.on(engine)
    number = Model(name="a_number", layer="marts", text="-- one row\nselect 1 as one")
    text = "-- one row\nselect one + 1 as two from a_number"
    twice = Model(name="another", layer="marts", text=text)

    def applied(*more: Model) -> views.Applied:
        return views.apply(
            other, zone="UTC", today=shops.world.now.date(), shipped=[*models(), *more]
        )

    assert applied(number, twice).failed == []
    # another column, another type: some engines replace no view by such
    text = "-- one row\nselect 'x' as letter, 40 as one"
    changed = Model(name="a_number", layer="marts", text=text)
    done = applied(changed, twice)
    assert (done.failed, done.kept) == ([], [])
    assert other.rows(f"select two from {quoted('another', other)}") == [(41,)]
    assert sorted(applied().dropped) == ["a_number", "another"]


def test_a_view_that_somebodys_view_needs_is_kept_as_it_was(shops: Shops) -> None:
    other = shops.on("postgres")
    old = Model(name="needed", layer="marts", text="-- one row\nselect 1 as one")
    new = Model(name="needed", layer="marts", text="-- one row\nselect 'x' as letter")

    def applied(model: Model) -> views.Applied:
        today = shops.world.now.date()
        return views.apply(other, zone=ZONE, today=today, shipped=[*models(), model])

    applied(old)
    other.run(f"create view public.mine as select one from {quoted('needed', other)}")
    done = applied(new)
    assert done.failed == []
    assert len(done.kept) == 1
    assert "public.mine" in done.kept[0]
    assert other.rows("select one from public.mine") == [(1,)]
    other.run("drop view public.mine")
    assert applied(new).made == ["needed"]
