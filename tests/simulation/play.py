"""A merchant's life with a warehouse beside it: days, faults, runs, kills, drawn by chance.

What has to hold is checked after each step, and everything of it after each quiet sync.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.coverage import Stretch
from pipelines.ordergroove.preflight import Ask
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Call, Fault, Faults
from sources.ordergroove.sandbox.faults import Trouble
from tests.simulation.child import Deed, instant
from tests.simulation.forks import outcome
from tests.simulation.plug import POINTS
from tests.simulation.promises import (
    NOTHING,
    Look,
    assert_kept,
    assert_not_ahead,
    assert_told,
    assert_true,
    look_at,
    truth_of,
)
from tests.simulation.scene import SETTING
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage

STRETCHES = ((8, "week"), (12, "week"), (40, "month"), (120, "year"))
"""Days of history and how they are sliced: each slice takes as long as a run."""

AT_THE_END = ("while the lock is released", "between two turns")
KILLED = -9
A_LIFE_S = 10
"""How long a run lives here, at most."""

HELD = 4
PASSING = ("503", "reset", "429", "truncated", "short body", "423")
GONE_BEFORE_PROOF = "that it has shown before, so nothing"
"""Of what a run says when the last records of a list go between it and what they are to prove."""


@dataclass(kw_only=True)
class Play:
    """One seed's play."""

    stage: Stage
    rng: Random
    names: tuple[str, ...] = tuple(ENTITIES)
    zone: str = SETTING
    """The server's own."""

    lead_s: int = 0
    is_older: bool = False
    """The release that runs until a quiet sync is one from before."""

    told: list[str] = field(default_factory=list)
    """What has happened, for whoever has to find out what went wrong."""

    state_dir: str = "one"
    last_backfill: Deed | None = None
    has_all: bool = False
    """Everything was read once, not only a stretch of history and what came after it."""

    promised: list[Stretch] = field(default_factory=list)
    """What backfills have read to its end."""

    seen: Look = NOTHING
    """What stood in the warehouse after the last run."""

    kills: int = 0

    @property
    def world(self) -> Any:
        return self.stage.world

    @property
    def now(self) -> DateTime:
        """What the machine's clock shows."""
        return pendulum.instance(self.stage.sandbox.date()).add(seconds=self.lead_s)

    # what can happen

    def life(self) -> None:
        something_happens(self.world, self.rng, self.rng.randint(1, 8))

    def time(self) -> None:
        self.world.advance(hours=self.rng.choice((0.5, 1, 2, 5, 11, 26, 50, 170)))

    def trouble(self) -> None:
        rng = self.rng
        chosen: Fault | Faults = Faults(
            rate=rng.choice((0.05, 0.2)), seed=rng.randint(1, 999), kinds=PASSING
        )
        if rng.random() < 0.4:
            kind, where = rng.choice((("500", "list"), ("400", "list"), ("404", "single")))
            entity, page = rng.choice(self.names), rng.randint(1, 3)
            chosen = Fault(kind=kind, entity=entity, where=where, from_page=page)
        self.stage.sandbox.trouble = Trouble((chosen,))

    def fresh_disk(self) -> None:
        shutil.rmtree(self.stage.directory / self.state_dir, ignore_errors=True)

    def another_machine(self) -> None:
        self.state_dir = self.rng.choice(("one", "two"))

    def busy_sync(self) -> None:
        """A sync while the merchant lives on."""
        self.meanwhile(lambda: self.child(self.some_sync()))

    def killed_sync(self) -> None:
        self.meanwhile(lambda: self.child(self.with_plug(self.some_sync())))

    def backfill(self) -> None:
        self.meanwhile(lambda: self.child(self.past()))

    def killed_backfill(self) -> None:
        self.meanwhile(lambda: self.child(self.with_plug(self.past())))

    def two_at_once(self) -> None:
        """While one machine is at its pages another one begins: it must be turned away."""
        codes: list[int] = []
        late = replace(self.some_sync(), state_dir=self.rng.choice(("one", "three")))

        def on_page(world: Any, call: Call) -> None:
            if not codes:
                codes.append(0)
                codes[0] = outcome(late)

        self.stage.sandbox.on_page = on_page
        self.child(self.some_sync() if self.rng.random() < 0.6 else self.past())
        self.stage.sandbox.on_page = None
        self.told.append(f"meanwhile {late} -> {codes}")
        assert codes in ([HELD], []), "two runs had the warehouse at once"

    def quiet_sync(self) -> None:
        """After it everything has to be as it should."""
        self.stage.sandbox.trouble = Trouble(())
        self.is_older = False
        began = self.now
        self.sync_quietly()
        truth = truth_of(self.stage, self.names)
        assert_true(self.seen, truth, has_all=self.has_all, promised=self.promised)
        assert_told(self.seen, self.names, began)

    def sync_again(self) -> None:
        """A sync after which nothing happens, twice."""
        self.quiet_sync()
        before = self.seen
        self.sync_quietly()
        for name in self.names:
            assert self.seen.live(name) == before.live(name), f"a second sync changed {name}"
            assert self.seen.rows[name] == before.rows[name], f"a second sync changed {name}"
        assert self.seen.buried == before.buried, "a second sync has changed tombstones"

    # how it happens

    def sync_quietly(self) -> None:
        code = self.child(self.deed(ask=Ask(named=True)))
        if code == 5:
            code = self.child(self.deed(ask=Ask(named=True, any_deletions=True)))
        assert code == 0, f"a quiet sync ended with {code}"

    def some_sync(self) -> Deed:
        rng = self.rng
        asks = [Ask(), Ask(), Ask(named=True)]
        if not self.is_older:
            asks += [Ask(full_refresh=True), Ask(since=self.now.subtract(hours=rng.randint(1, 99)))]
        names = self.names if rng.random() < 0.8 else (rng.choice(self.names),)
        return self.deed(ask=rng.choice(asks), names=names)

    def deed(self, *, ask: Ask | None = None, **wanted: Any) -> Deed:
        stage = self.stage
        if ask and self.is_older:
            ask = replace(ask, only_reads=True)
        given: dict[str, Any] = {"names": self.names} | wanted
        return Deed(
            url=stage.url,
            destination=stage.destination,
            directory=stage.directory,
            state_dir=self.state_dir,
            now=self.now.isoformat(),
            ask=ask,
            is_older=self.is_older,
            **given,
        )

    def past(self) -> Deed:
        """A backfill: the last one again, or another."""
        rng = self.rng
        # that came with the newer release
        self.is_older = False
        if self.last_backfill is not None and rng.random() < 0.6:
            last = self.last_backfill
            return replace(last, now=self.now.isoformat(), state_dir=self.state_dir)
        days, unit = rng.choice(STRETCHES)
        since = self.now.subtract(days=days)
        until = rng.choice((since.add(days=days // 2), self.now, self.now.add(days=3)))
        self.last_backfill = self.deed(
            since=since.isoformat(),
            until=until.isoformat(),
            unit=unit,
            newest_first=rng.random() < 0.5,
        )
        return self.last_backfill

    def with_plug(self, deed: Deed) -> Deed:
        point = self.rng.choice(POINTS)
        most = 8 if point in ("between pages", "after the last page") else 3
        return replace(
            deed,
            point=point,
            nth=self.rng.randint(1, most),
            is_in_pieces=point not in AT_THE_END and self.rng.random() < 0.5,
        )

    def meanwhile(self, act: Callable[[], object]) -> None:
        """Lets the merchant live on between the pages of what is done."""
        chance = self.rng.choice((0.0, 0.1, 0.3))
        rng = Random(self.rng.random())

        def on_page(world: Any, call: Call) -> None:
            if rng.random() < chance:
                something_happens(world, rng, 1)
                world.advance(seconds=rng.choice((0, 1, 60)))

        self.stage.sandbox.on_page = on_page
        act()
        self.stage.sandbox.on_page = None

    def child(self, deed: Deed) -> int:
        """Runs it in a process of its own; what stood in the warehouse before still does."""
        began = len(self.log())
        code = outcome(deed)
        said = self.log()[began:]
        self.told.append(f"{deed} -> {code}")
        if code == KILLED:
            self.kills += 1
            # whatever was killed is not begun again at the moment at which it had begun
            self.world.advance(seconds=A_LIFE_S)
        assert code in self.expected(deed, said) or (code == KILLED and deed.point), (
            f"{deed} of {deed.names} ended with {code}:\n{said}"
        )
        if code == 0 and deed.ask is None:
            self.promised.append(Stretch(since=instant(deed.since), until=instant(deed.until)))
        if deed.ask and code in (0, 5) and {*deed.names} >= {*self.names}:
            is_whole = deed.ask.full_refresh or not (self.last_backfill or deed.ask.since)
            self.has_all = self.has_all or is_whole
        before, self.seen = self.seen, look_at(self.stage, self.names)
        truth = truth_of(self.stage, self.names)
        assert_kept(before, self.seen, truth)
        assert_not_ahead(self.seen, truth, self.zone, has_all=self.has_all)
        return code

    def expected(self, deed: Deed, said: str) -> set[int]:
        """The exit codes that are no fault, `said` being what the child has said."""
        codes = {0, 5}
        for fault in self.stage.sandbox.trouble.faults:
            codes |= {3, 6}
            if isinstance(fault, Fault) and fault.kind == "400" and deed.names == (fault.entity,):
                codes.add(1)
        if self.stage.sandbox.on_page is not None and GONE_BEFORE_PROOF in said:
            codes.add(3)
        return codes

    def log(self) -> str:
        """What the children have said."""
        file = self.stage.directory / "child.log"
        return file.read_text("utf-8") if file.exists() else ""
