"""Where a play is set, drawn from its seed: engine, clocks, what is synced, how the server is."""

import datetime as dt
from dataclasses import dataclass
from random import Random

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Rules, Sandbox, World

SETTING = "America/New_York"
"""The zone that the warehouse is told, which need not be the server's."""

ZONES = (SETTING, SETTING, "America/Chicago", "EST")
CHANGES = (
    dt.datetime(2035, 3, 11, 7, tzinfo=dt.UTC),
    dt.datetime(2035, 11, 4, 6, tzinfo=dt.UTC),
)
"""The clock changes of spring and autumn; no machine's clock is there yet."""

ENGINES = ("duckdb",) * 14 + ("sqlite",) * 2 + ("postgres",) * 2 + ("mariadb",) * 2
ALWAYS = ("orders", "items")
"""They vanish, and move from one to the other."""

WITH_STAMP = tuple(
    name for name, entity in ENTITIES.items() if entity.is_incremental and name not in ALWAYS
)
READ_WHOLE = tuple(name for name, entity in ENTITIES.items() if not entity.is_incremental)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What stays as it is throughout a play."""

    seed: int
    engine: str
    zone: str
    """The server's own."""

    now: dt.datetime
    lead_s: int
    """How far the machines' clocks are ahead of the world's."""

    names: tuple[str, ...]
    customers: int
    newest_first: bool
    begins_older: bool
    """The warehouse is made by an older release."""

    def sandbox(self) -> Sandbox:
        world = World(
            seed=self.seed,
            customers=self.customers,
            zone=self.zone,
            now=self.now,
            days=70,
        )
        return Sandbox(world, rules=Rules(newest_first=self.newest_first))


def scene_of(seed: int) -> Scene:
    rng = Random(f"scene {seed}")
    chosen = {*ALWAYS, rng.choice(WITH_STAMP)}
    if rng.random() < 0.6:
        chosen.add(rng.choice(READ_WHOLE))
    return Scene(
        seed=seed,
        engine=rng.choice(ENGINES),
        zone=rng.choice(ZONES),
        now=rng.choice(CHANGES) - dt.timedelta(hours=rng.randint(1, 60)),
        lead_s=rng.choice((0, 0, 900, -900)),
        names=tuple(name for name in ENTITIES if name in chosen),
        customers=rng.choice((3, 8, 14)),
        newest_first=rng.random() < 0.5,
        begins_older=rng.random() < 0.2,
    )
