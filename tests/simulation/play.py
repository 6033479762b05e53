"""A merchant's life with a warehouse beside it, drawn from a seed: days, faults, runs, kills.

What has to hold is checked after each step, and everything of it after each quiet sync.
"""

import datetime as dt
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.coverage import covered
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.status import windows_of
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Call, Faults, Rules, Sandbox, World
from sources.ordergroove.sandbox.faults import Trouble
from state.ordergroove.watermark import position_of
from tests.simulation.child import Deed, run
from tests.simulation.plug import POINTS
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, expected_columns, staged
from tests.stories.truth import Rows, stored

ZONE = "America/New_York"
SPRING = dt.datetime(2035, 3, 8, 20, tzinfo=dt.UTC)
AUTUMN = dt.datetime(2035, 11, 1, 20, tzinfo=dt.UTC)
"""Both clock changes are days away; no machine's clock is there yet."""

STEPS = 10
KILLED = -9
PATIENCE_S = 120.0

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.simulation.child"])


@dataclass(kw_only=True)
class Play:
    """One seed's play."""

    stage: Stage
    rng: Random
    told: list[str] = field(default_factory=list)
    """What has happened, for whoever has to find out what went wrong."""

    state_dir: str = "one"
    last_backfill: Deed | None = None
    kills: int = 0

    @property
    def world(self) -> Any:
        return self.stage.world

    @property
    def now(self) -> DateTime:
        return pendulum.instance(self.stage.sandbox.date())

    # what can happen

    def life(self) -> None:
        something_happens(self.world, self.rng, self.rng.randint(1, 8))

    def time(self) -> None:
        self.world.advance(hours=self.rng.choice((0.5, 1, 2, 5, 11, 26, 50)))

    def trouble(self) -> None:
        rate = self.rng.choice((0.0, 0.0, 0.05, 0.2))
        faults = Faults(rate=rate, seed=self.rng.randint(1, 999), kinds=("503", "reset", "429"))
        self.stage.sandbox.trouble = Trouble((faults,) if rate else ())

    def fresh_disk(self) -> None:
        shutil.rmtree(self.stage.directory / self.state_dir, ignore_errors=True)

    def another_machine(self) -> None:
        self.state_dir = self.rng.choice(("one", "two"))

    def busy_sync(self) -> None:
        """A sync while the merchant lives on."""
        self.meanwhile(lambda: self.child(self.deed(ask=self.ask())))

    def killed_sync(self) -> None:
        self.meanwhile(lambda: self.child(self.with_plug(self.deed(ask=self.ask()))))

    def backfill(self) -> None:
        self.meanwhile(lambda: self.child(self.past()))

    def killed_backfill(self) -> None:
        self.meanwhile(lambda: self.child(self.with_plug(self.past())))

    def quiet_sync(self) -> None:
        """After it everything has to be as it should."""
        self.stage.sandbox.trouble = Trouble(())
        began = self.now
        code = self.child(self.deed(ask=Ask(named=True)))
        if code == 5:
            code = self.child(self.deed(ask=Ask(named=True, any_deletions=True)))
        assert code == 0, f"a quiet sync ended with {code}"
        with self.warehouse() as warehouse:
            assert_true(self.stage, warehouse)
            assert_watermarks(warehouse, began)
            if self.rng.random() < 0.7:
                return
            before = contents(warehouse)
        assert self.child(self.deed(ask=Ask(named=True))) == 0
        with self.warehouse() as warehouse:
            assert contents(warehouse) == before, "a second sync has changed something"

    # how it happens

    def ask(self) -> Ask:
        return self.rng.choice((Ask(), Ask(), Ask(named=True), Ask(full_refresh=True)))

    def deed(self, **wanted: Any) -> Deed:
        stage = self.stage
        return Deed(
            url=stage.url,
            destination=stage.destination,
            directory=stage.directory,
            state_dir=self.state_dir,
            now=self.now.isoformat(),
            **wanted,
        )

    def past(self) -> Deed:
        """A backfill: the last one again, or another."""
        rng = self.rng
        if self.last_backfill is not None and rng.random() < 0.6:
            last = self.last_backfill
            return replace(last, now=self.now.isoformat(), state_dir=self.state_dir)
        since = self.now.subtract(days=rng.choice((20, 60, 120)))
        until = rng.choice((since.add(days=15), self.now, self.now.add(days=9)))
        self.last_backfill = self.deed(
            since=since.isoformat(),
            until=until.isoformat(),
            unit=rng.choice(("week", "month", "year")),
            newest_first=rng.random() < 0.5,
        )
        return self.last_backfill

    def with_plug(self, deed: Deed) -> Deed:
        return replace(deed, point=self.rng.choice(POINTS), nth=self.rng.randint(1, 6))

    def meanwhile(self, act: Callable[[], object]) -> None:
        """Lets the merchant live on between the pages of what is done."""
        chance = self.rng.choice((0.0, 0.1, 0.3))
        rng = Random(self.rng.random())

        def on_page(world: Any, call: Call) -> None:
            if rng.random() < chance:
                something_happens(world, rng, 1)

        self.stage.sandbox.on_page = on_page
        act()
        self.stage.sandbox.on_page = None

    def child(self, deed: Deed) -> int:
        """Runs it in a process of its own; what stood in the warehouse before still does."""
        before = self.keys()
        what = "sync" if deed.ask else f"backfill {deed.since[:10]} {deed.until[:10]} {deed.unit}"
        process = forks.Process(target=run, args=(replace(deed),))
        process.start()
        process.join(PATIENCE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"{what} at {deed.point!r} did not end")
        code = int(process.exitcode)
        self.told.append(f"{what} {deed.point} {deed.nth} -> {code}")
        assert code in (0, 3, 5, 6, KILLED), f"{what} ended with {code}:\n{self.log()}"
        self.kills += code == KILLED
        for name, keys in self.keys().items():
            assert before.get(name, set()) <= keys, f"{name}: rows are gone"
        return code

    def log(self) -> str:
        """The end of what the children have said."""
        return (self.stage.directory / "child.log").read_text("utf-8")[-4000:]

    def keys(self) -> dict[str, set[Any]]:
        if not self.stage.tables():
            return {}
        with self.warehouse() as warehouse:
            there = warehouse.tables() & ENTITIES.keys()
            return {name: {*rows_of(warehouse, name, live=False)} for name in there}

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        with opened(self.stage.settings(), read_only=True) as warehouse:
            yield warehouse


def rows_of(warehouse: Warehouse, name: str, *, live: bool) -> Rows:
    """The rows by key; fails where a key stands twice."""
    columns = list(expected_columns(name))
    listed = ", ".join(f'"{column}"' for column in columns)
    condition = " where _deleted_at is null" if live else ""
    return stored(
        name, columns, warehouse.rows(f"select {listed} from {warehouse.table(name)}{condition}")
    )


def assert_true(stage: Stage, warehouse: Warehouse) -> None:
    """Live rows are the API's, but for those that last changed in what was never read."""
    windows = windows_of(warehouse)
    for name, entity in ENTITIES.items():
        truth, rows = stage.truth(name, ZONE), rows_of(warehouse, name, live=True)
        ghosts = rows.keys() - truth.keys()
        assert not ghosts, f"{name}: {len(ghosts)} should not live, such as {min(ghosts)}"
        for key in rows:
            wrong = {c: (rows[key][c], truth[key][c]) for c in truth[key]
                     if rows[key][c] != truth[key][c]}  # fmt: skip
            assert not wrong, f"{name} {key}: {wrong}"
        spans = covered(windows.get(name, []))
        for key in truth.keys() - rows.keys():
            assert entity.changes is not None, f"{name}: {key} is missing"
            stamp = pendulum.instance(truth[key][f"{entity.changes.stamp}_utc"])
            # the hours of doubt about the zone on both sides
            within = [
                span
                for span in spans
                if (span.since is None or span.since.add(hours=3) <= stamp)
                and stamp <= span.until.subtract(hours=3)
            ]
            assert not within, f"{name}: {key} of {stamp} is missing from {within}"


def assert_watermarks(warehouse: Warehouse, now: DateTime) -> None:
    for name, state in warehouse.positions().items():
        if name in ENTITIES:
            watermark = position_of(ENTITIES[name], state).watermark
            assert watermark is not None
            assert watermark <= now, f"{name}: {watermark} was not read yet"


def contents(warehouse: Warehouse) -> dict[str, list[Any]]:
    """Everything but when it was fetched."""
    found = {}
    for name in ENTITIES:
        columns = [column for column in warehouse.columns(name) if column != "_synced_at"]
        listed = ", ".join(f'"{column}"' for column in columns)
        found[name] = sorted(
            map(str, warehouse.rows(f"select {listed} from {warehouse.table(name)}"))
        )
    return found


STEPS_OF_PLAY: tuple[tuple[str, int], ...] = (
    ("life", 5),
    ("time", 5),
    ("trouble", 1),
    ("fresh_disk", 1),
    ("another_machine", 1),
    ("busy_sync", 2),
    ("killed_sync", 4),
    ("backfill", 1),
    ("killed_backfill", 3),
    ("quiet_sync", 2),
)


def play(seed: int, directory: Path, steps: int = STEPS) -> Play:
    """Plays a seed to its end. Raises AssertionError with all that led there."""
    rng = Random(seed)
    world = World(
        seed=seed,
        customers=rng.choice((4, 12)),
        zone=ZONE,
        now=rng.choice((SPRING, AUTUMN)),
        days=70,
    )
    sandbox = Sandbox(world, rules=Rules(newest_first=rng.random() < 0.5))
    with staged(sandbox, directory) as stage:
        made = Play(stage=stage, rng=rng)
        names = [name for name, weight in STEPS_OF_PLAY for _ in range(weight)]
        chosen = [rng.choice(names) for _ in range(steps)]
        try:
            for name in [*chosen, "quiet_sync"]:
                made.told.append(name)
                getattr(made, name)()
        except AssertionError as error:
            raise AssertionError("\n".join([f"seed {seed}:", *made.told, str(error)])) from error
    return made
