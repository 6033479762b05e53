"""Runs without dlt, for stories of many rounds: rows are merged by hand into a warehouse in memory.

Reading, asking and marking are the program's own, over the sandbox's own transport.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pendulum
import pyarrow as pa
from pendulum import DateTime

from pipelines.ordergroove.deletions.hinted import Named, follow
from pipelines.ordergroove.deletions.vanished import Sweep
from pipelines.ordergroove.loading import Chunk
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.reading import Plan, deliveries_of
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import load
from pipelines.ordergroove.targets.duckdb_file import DuckDatabase
from pipelines.ordergroove.targets.engine import Step
from pipelines.ordergroove.warehouse import Warehouse
from pipelines.ordergroove.webhooks.draining import EVENTS, drain
from pipelines.ordergroove.webhooks.inbox import Inbox
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import EntityError
from sources.ordergroove.rows import schema_of
from sources.ordergroove.run_clock import RunClock
from sources.ordergroove.sandbox import Fault, Faults, Sandbox, World
from state.ordergroove.ledger import BESIDE, DONE, LEDGER
from state.ordergroove.watermark import Position

KEY = "sandbox-key"
Bend = Callable[[httpx.Request, httpx.Response], httpx.Response]
"""What a server does to its answers that the sandbox would not."""

KEPT = timedelta(days=2)
"""How long the inbox keeps what was loaded."""


@contextmanager
def by_hand(world: World, *faults: Fault | Faults) -> Iterator["ByHand"]:
    # one thread: more of them only stand in each other's way at this size
    with duckdb.connect(config={"threads": 1}) as connection:
        yield ByHand(Sandbox(world, faults=faults), connection)


@dataclass(frozen=True, kw_only=True)
class Watched(DuckDatabase):
    """Tells before and after each change: a story may end the run there."""

    on_change: Callable[[], None]

    def run(self, *steps: Step) -> None:
        self.on_change()
        super().run(*steps)
        self.on_change()


class ByHand:
    """One sandbox and one warehouse; `sync` is a run."""

    def __init__(self, sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> None:
        self.sandbox = sandbox
        self.world: Any = sandbox.world
        self.answered_by: Callable[[httpx.Request], httpx.Response] = self.sandbox.handle
        self.bend: Bend = lambda request, answer: answer
        self.on_change: Callable[[], None] = lambda: None
        self.inbox: Inbox | None = None
        self.connection = connection
        database = Watched(
            connection=connection,
            dataset="ordergroove",
            path=Path("nowhere"),
            on_change=self.tell_change,
        )
        self.warehouse = Warehouse(database)
        self.settings = load({}, {"ORDERGROOVE_API_KEY": KEY}, Path("/"), Path("/"))
        self.positions: dict[str, Position] = {}
        self.latest: DateTime | None = None
        self.columns: dict[str, set[str]] = {}
        connection.execute("create schema ordergroove")
        empty = {name: schema_of(entity).empty_table() for name, entity in ENTITIES.items()}
        empty |= {name: table.schema.empty_table() for name, table in LEDGER.items()}
        for name, table in empty.items():
            connection.register("given", table)
            connection.execute(f"create table ordergroove.{name} as from given")

    def sync(self, names: Sequence[str], now: DateTime, ask: Ask | None = None) -> Run:
        """Reads the entities in the order of their names here, then looks for deletions."""
        ask = ask or Ask()
        client = Client(
            base_url="https://sandbox.test",
            key=KEY,
            # otherwise what is tried again uses up the rate that the client allows itself
            back_off_s=0.02,
            retry_limit_s=0.05,
            transport=httpx.MockTransport(self.answer),
        )
        client.clock = RunClock(self.latest, wall=lambda: now)
        progress = {
            name: Progress(entity=ENTITIES[name], before=self.positions.get(name, Position()))
            for name in names
        }
        zone = self.settings.timezone
        run = Run(started_at=client.clock.started_at, command="sync", zone=zone, progress=progress)
        plan = Plan(
            started_at=now,
            overlap=pendulum.duration(hours=2),
            zone=zone,
            since=ask.since,
            full_refresh=ask.full_refresh,
        )
        for made in progress.values():
            self.read(made, client, plan, run)
        named = self.follow(run, client) if self.inbox else {}
        Sweep(run, self.load, self.warehouse, client, self.settings, ask, named=named).run()
        self.latest = pendulum.instance(client.clock.now())
        client.close()
        return run

    def tell_change(self) -> None:
        self.on_change()

    def answer(self, request: httpx.Request) -> httpx.Response:
        return self.bend(request, self.answered_by(request))

    def follow(self, run: Run, client: Client) -> Named:
        """Loads what is in the inbox, and fetches what it hints at."""
        assert self.inbox is not None
        now = client.clock.now()
        drain(self.inbox, self.warehouse, self.keep_events, now=now, keep=KEPT)
        return follow(run, self.load, self.warehouse, client, self.settings)

    def keep_events(self, rows: list[dict[str, Any]]) -> None:
        self.on_change()
        given = pa.Table.from_pylist(rows, schema=BESIDE[EVENTS].schema)
        if not self.warehouse.has_table(EVENTS):
            self.connection.register("given", given.schema.empty_table())
            self.connection.execute(f"create table ordergroove.{EVENTS} as from given")
        self.merge(EVENTS, given, BESIDE[EVENTS].key)
        self.on_change()

    def read(self, made: Progress, client: Client, plan: Plan, run: Run) -> None:
        name = made.entity.name
        for delivery in deliveries_of(made.entity, made.before, client, plan, made.tally):
            if delivery.batch:
                self.merge(name, delivery.batch.table, made.entity.key)
                made.rows += delivery.batch.table.num_rows
            self.positions[name] = delivery.position or self.positions.get(name, Position())
            if window := delivery.completed:
                made.window, made.is_complete, made.status = window, True, DONE
                spoken = {"entity": name, "run_id": run.run_id, "since": window.since}
                stamps = {"until": window.opened_at, "opened_at": window.opened_at}
                self.note("sync_windows", spoken | stamps)
        self.note("sync_runs", run.row_of(made, run.started_at))

    def load(self, chunk: Chunk) -> dict[str, EntityError]:
        for name, deliveries in chunk.deliveries.items():
            for delivery in deliveries:
                if delivery.batch:
                    self.merge(name, delivery.batch.table, ENTITIES[name].key)
        return {}

    def note(self, table: str, row: dict[str, Any]) -> None:
        ledger = LEDGER[table]
        self.merge(table, pa.Table.from_pylist([row], schema=ledger.schema), ledger.key)

    def merge(self, table: str, rows: pa.Table, key: Sequence[str]) -> None:
        self.connection.register("given", rows)
        known = self.columns.setdefault(table, {*self.warehouse.columns(table)})
        for name in set(rows.column_names) - known:
            self.connection.execute(f'alter table ordergroove.{table} add column "{name}" varchar')
            known.add(name)
        same = " and ".join(f'old."{name}" = given."{name}"' for name in key)
        self.connection.execute(f"delete from ordergroove.{table} as old using given where {same}")
        self.connection.execute(f"insert into ordergroove.{table} by name from given")

    def keys(self, name: str, condition: str) -> set[str]:
        key = ENTITIES[name].key[0]
        found = self.warehouse.rows(f'select "{key}" from ordergroove.{name} where {condition}')
        return {value for (value,) in found}
