"""What is measured: one function for each section of the speed budget. Contestants take turns.

A contestant's start-up is what the same process takes when there is nothing to do: for a first load
a server with a single old order and no file, for an upsert that server and the file of the first
load. It is taken off, so that what remains is the cost of rows.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from sources.ordergroove.entities import ENTITIES
from tests.benchmarks.contestants import (
    CONTESTANTS,
    FLOOR,
    PRODUCT,
    STOCK,
    Contestant,
    imports_of,
    new_file,
    product,
)
from tests.benchmarks.growth import growth, large
from tests.benchmarks.processes import Cost, run_python
from tests.benchmarks.report import Result, typical
from tests.benchmarks.resuming import resuming
from tests.benchmarks.servers import ZONE, Server, serving
from tests.benchmarks.targets import targets
from tests.benchmarks.webhooks import rates

PAGE_DELAY_S = 0.05
MOST_WAITED_FOR = 40_000
DELIVERIES = 2_000

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large the world is and how often each thing is measured."""

    directory: Path
    orders: int
    rounds: int
    is_median: bool = False

    def cpu_s(self, costs: Sequence[Cost]) -> float:
        """CPU seconds of several rounds in one number."""
        return typical([cost.cpu_s for cost in costs], is_median=self.is_median)

    def wall_s(self, costs: Sequence[Cost]) -> float:
        return typical([cost.wall_s for cost in costs], is_median=self.is_median)

    def since(self) -> str:
        """Where the product's next window begins, within minutes, on Ordergroove's wall clock."""
        at = datetime.now(UTC) - timedelta(hours=2)
        return f"{at.astimezone(ZoneInfo(ZONE)):%Y-%m-%dT%H:%M:%S}"

    def take_turns(self, runs: Mapping[Name, Callable[[], Cost]]) -> dict[Name, list[Cost]]:
        """What each of these costs in each round."""
        costs: dict[Name, list[Cost]] = defaultdict(list)
        for _ in range(self.rounds):
            for name, run in runs.items():
                costs[name].append(run())
        return costs


def waiting(plan: Plan) -> Iterator[Result]:
    """Against the seconds for which the largest entity's pages, one after the other, are waited."""
    orders = min(plan.orders, MOST_WAITED_FOR)
    with serving(orders, delay_s=PAGE_DELAY_S) as server:
        # every page is made once beforehand: only the delay is to be waited for
        fetch(plan, server, *ENTITIES)
        floors, costs = [], []
        for _ in range(plan.rounds):
            floors.append(fetch(plan, server, "orders"))
            costs.append(product().run(server, new_file(plan.directory, "waiting")))
    floor = typical(floors, is_median=plan.is_median)
    took = plan.wall_s(costs)
    yield Result(
        measure=f"waiting: {orders:,} orders and all else, 50 ms a page",
        against=f"{floor:.2f} s: the orders' pages alone",
        product=f"{took:.2f} s = {took / floor:.3f} x",
        value=took - floor,
        unit="s",
        bound=0.03 * floor + 2.2,
        goal=0.01 * floor + 1,
    )


def fetch(plan: Plan, server: Server, *entities: str) -> float:
    """Seconds that bare httpx takes for all pages, each entity in a thread of its own."""
    command = ["-m", "tests.benchmarks.floor", "fetch", server.url, server.key, *entities]
    return float(run_python(command, directory=plan.directory).said)


def working(plan: Plan) -> Iterator[Result]:
    """CPU for each row against the hand-written floor, and against dlt's stock source."""
    with serving(1) as empty, serving(plan.orders) as server:
        loads = plan.take_turns(
            {
                (contestant.name, task): partial(run_in, plan, contestant, task, at)
                for contestant in CONTESTANTS
                for task, at in (("start", empty), ("first", server))
            }
        )
        changed = server.touch("orders", every=10)
        upserts = plan.take_turns(
            {
                (contestant.name, task): partial(run_in, plan, contestant, task, at, like="first")
                for contestant in CONTESTANTS
                for task, at in (("start", empty), ("upsert", server))
            }
        )
    name = f"{plan.orders:,} orders"
    yield from row_costs(plan, f"first load of {name}", plan.orders, loads, (2.0, 1.3))
    yield from row_costs(plan, f"upsert of {changed:,} of {name}", changed, upserts, (2.5,))


def run_in(
    plan: Plan, contestant: Contestant, task: str, server: Server, *, like: str = ""
) -> Cost:
    """One run, into a copy of the file that the contestant made in the task `like`."""
    origin = plan.directory / like / contestant.name / "warehouse.duckdb" if like else None
    file = new_file(plan.directory, f"{task}/{contestant.name}", origin)
    return contestant.run(server, file, since=plan.since() if like else "")


def row_costs(
    plan: Plan,
    task: str,
    rows: int,
    costs: Mapping[tuple[str, str], list[Cost]],
    limits: tuple[float, ...],
) -> Iterator[Result]:
    """A task's CPU for each row, start-up taken off; `limits` are bound and goal."""
    each_us: dict[str, float] = defaultdict(float)
    for (name, what), found in costs.items():
        sign = -1 if what == "start" else 1
        each_us[name] += sign * plan.cpu_s(found) / rows * 1e6
    for rival, (bound, *goal) in ((FLOOR, limits), (STOCK, (1 / 3,))):
        is_clear = min(each_us[PRODUCT], each_us[rival]) > 0
        yield Result(
            measure=f"{task}, CPU",
            against=f"{rival}: {each_us[rival]:.1f} us a row",
            product=f"{each_us[PRODUCT]:.1f} us a row",
            value=each_us[PRODUCT] / each_us[rival] if is_clear else math.nan,
            unit="x",
            bound=bound,
            goal=next(iter(goal), None),
        )


def start(plan: Plan) -> Iterator[Result]:
    """What is paid before the first row: `--help`, and a sync of all entities without news."""
    command = ["-m", "pipelines.ordergroove", "--help"]
    with serving(1) as server:
        full = new_file(plan.directory, "start")
        product().run(server, full)
        runs: dict[str, Callable[[], Cost]] = {
            "help": partial(run_python, command, directory=full.parent),
            "idle": partial(product().run, server, full),
            "imports": imports_of(product(), server, full),
        }
        costs = plan.take_turns(runs)
    helped, idle, imports = (plan.cpu_s(costs[name]) for name in runs)
    for measure, against, took, floor, bound in (
        ("--help", "-", helped, 0.0, 0.3),
        ("sync without news", f"{imports:.2f} s: its imports", idle, imports, 1.0),
    ):
        yield Result(
            measure=f"start: {measure}, CPU",
            against=against,
            product=f"{took:.2f} s",
            value=took - floor,
            unit="s",
            bound=bound,
        )


def webhooks(plan: Plan) -> Iterator[Result]:
    """Deliveries that are kept durably, against an application that only says yes."""
    found = [rates(plan.directory / "webhooks", DELIVERIES) for _ in range(plan.rounds)]
    # of a rate the largest is the best
    floor, took = (
        1 / typical([1 / each for each in values], is_median=plan.is_median)
        for values in zip(*found, strict=True)
    )
    yield Result(
        measure=f"webhooks: {DELIVERIES:,} signed events from two clients",
        against=f"{floor:,.0f} a second: a bare ASGI application",
        product=f"{took:,.0f} a second",
        value=floor / took,
        unit="x",
        # an event is on disk before it is answered: how fast that is, is the disk's business
        bound=40.0,
    )


SECTIONS: Mapping[str, Callable[[Plan], Iterator[Result]]] = {
    "waiting": waiting,
    "working": working,
    "growth": growth,
    "start": start,
    "webhooks": webhooks,
    "targets": targets,
}
ON_REQUEST: Mapping[str, Callable[[Plan], Iterator[Result]]] = {
    "large": large,
    "resuming": resuming,
}
"""Sections that take a quarter of an hour."""
