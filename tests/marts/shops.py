"""Synced shops for the SQL layer: a made-up merchant, its events, and warehouses of any engine."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pendulum

from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.settings import load
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import (
    Database,
    InWarehouse,
    Rows,
    create_table,
    quoted,
)
from pipelines.ordergroove.sql_layer.relations import inputs
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Sandbox, World, serve
from state.ordergroove.ledger import BESIDE

ZONE = "America/New_York"
BIRTH = dt.datetime(2024, 2, 20, 15, tzinfo=dt.UTC)
"""Before a leap day."""

Event = Mapping[str, Any]


@contextmanager
def synced(
    world: World, url: str, destination: str, directory: Path, zone: str = ZONE
) -> Iterator[InWarehouse]:
    """A warehouse that holds all of a world as it is now."""
    environ = {
        "ORDERGROOVE_BASE_URL": url,
        "ORDERGROOVE_API_KEY": "sandbox-key",
        "ORDERGROOVE_TIMEZONE": zone,
    }
    settings = load({"destination": destination}, environ, directory, directory)
    with opened(settings) as warehouse:
        with scratch_in(settings.state_dir) as scratch:
            run = sync(
                settings,
                list(ENTITIES),
                warehouse=warehouse,
                scratch=scratch,
                client=client_for(settings),
                now=pendulum.instance(world.now),
            )
        assert run.exit_code() == 0
        yield InWarehouse(warehouse=warehouse)


@contextmanager
def warehouse_of(
    world: World, directory: Path, events: Iterable[Event] = (), zone: str = ZONE
) -> Iterator[InWarehouse]:
    """The same in a DuckDB file, with the views on top."""
    with serve(Sandbox(world)) as server:
        destination = f"duckdb:///{directory / 'warehouse.duckdb'}"
        with synced(world, server.url, destination, directory, zone) as database:
            put_events(database, events)
            apply(database, world, zone)
            yield database


@contextmanager
def copied(source: InWarehouse, destination: str, directory: Path) -> Iterator[InWarehouse]:
    """All that a warehouse was synced from, in the tables of another engine."""
    settings = load({"destination": destination}, {}, directory, directory)
    keys: dict[str, tuple[str, ...]] = {name: entity.key for name, entity in ENTITIES.items()}
    keys |= {name: table.key for name, table in BESIDE.items()}
    with opened(settings) as warehouse:
        target = InWarehouse(warehouse=warehouse)
        if target.dialect == "postgres":
            target.run(f"create schema {target.dataset}")
        for name in keys.keys() & source.warehouse.tables():
            columns = inputs()[name]
            listed = ", ".join(f'"{column}"' for column in columns)
            found = source.rows(f"select {listed} from {quoted(name, source)}")
            rows = [dict(zip(columns, row, strict=True)) for row in found]
            target.run(
                create_table(target, name, columns, keys[name]),
                Rows(table=name, columns=columns, rows=rows),
            )
        yield target


def put_events(database: Database, events: Iterable[Event]) -> None:
    """What a receiver of webhooks would have written."""
    columns = inputs()["webhook_events"]
    rows = [dict.fromkeys(columns) | dict(event) for event in events]
    if rows:
        database.run(
            create_table(database, "webhook_events", columns, ["event_id"]),
            Rows(table="webhook_events", columns=columns, rows=rows),
        )


def apply(database: Database, world: World, zone: str = ZONE) -> None:
    done = views.apply(database, zone=zone, today=world.now.date())
    assert (done.failed, done.kept) == ([], [])


def asked(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """The answer, with the dataset's name in front of each `{table}` that the text names."""
    prefix = f"{database.dataset}." if database.dataset else ""
    return database.rows(sql.replace("from ", f"from {prefix}").replace("join ", f"join {prefix}"))


class Witness:
    """Lets a world live on and notes when subscriptions end and come back, as webhooks tell it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.live: dict[str, bool] = {}
        self.flips: list[tuple[str, str, dt.datetime]] = []
        """Subscription, `cancel` or `reactivate`, and when."""
        self.look()

    def look(self) -> None:
        for row in self.world.rows("subscriptions"):
            key, live = str(row.record["public_id"]), bool(row.record["live"])
            if live != self.live.get(key, True):
                what = "reactivate" if live else "cancel"
                stamp = row.record["updated"] if live else row.record["cancelled"]
                self.flips.append((key, what, instant(stamp)))
            self.live[key] = live

    def advance(self, days: int) -> None:
        for _ in range(days):
            self.world.advance(days=1)
            self.look()

    def events(self) -> Sequence[Event]:
        return [
            {
                "event_id": f"event-{number}",
                "event_type": f"subscription.{what}",
                "object_type": "subscription",
                "object_key": key,
                "happened_at": at,
                "received_at": at,
            }
            for number, (key, what, at) in enumerate(self.flips)
        ]


def lived(seed: int) -> Witness:
    """Two years with a leap day and four clock changes; some customers pay in another currency."""
    world = World(seed=seed, customers=2, zone=ZONE, now=BIRTH, days=30)
    witness = Witness(world)
    for month in range(24):
        witness.advance(30 if month else 31)
        for row in world.rows("subscriptions"):
            record = row.record
            if record["currency_code"] == "USD" and int(record["customer"][-2:]) % 9 == month % 9:
                world.edit("subscriptions", record["public_id"], currency_code="CAD")
        bring_back(world, list(witness.live.items())[month % 3 :: 3])
        witness.look()
    waiting = [row for row in world.rows("orders") if row.record["status"] == 1]
    for row, outcome in zip(waiting, ("declined", "pending", "declined"), strict=False):
        world.place_order(row.record["public_id"], outcome)
    # given up after a try, which no customer has skipped
    given_up = next(row.record for row in world.rows("orders") if row.record["status"] == 18)
    world.edit("orders", given_up["public_id"], status=4, cancelled=given_up["updated"])
    return witness


def bring_back(world: World, subscriptions: list[tuple[str, bool]]) -> None:
    """The first of them that is over and whose customer has nothing else."""
    live = {row.record["customer"] for row in world.rows("subscriptions") if row.record["live"]}
    for key, is_live in subscriptions:
        row = world.find("subscriptions", key)
        if not is_live and row and row.record["customer"] not in live:
            world.reactivate(key)
            return


def instant(stamp: str, zone: str = ZONE) -> dt.datetime:
    local = pendulum.parse(stamp, tz=zone)
    assert isinstance(local, pendulum.DateTime)
    return dt.datetime.fromtimestamp(local.timestamp(), dt.UTC)
