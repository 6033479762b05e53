"""What is settled before a run: where each object type begins, and when there must be no run."""

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.run import Progress
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from state.ordergroove.watermark import (
    BadState,
    Position,
    check_not_ahead,
    check_same_environment,
    check_same_zone,
    position_of,
)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What was asked of a run beside the daily job."""

    full_refresh: bool = False
    """Everything is read again; the tables are never empty meanwhile."""

    since: DateTime | None = None
    """Changes since then, whatever the watermark says."""

    named: bool = False
    """The entities were named one by one: those are read even when they are not due."""

    sweep: bool = True
    """The lists of open records are read to notice what vanished from them."""

    any_deletions: bool = False
    """However much was deleted is believed, this once."""

    only_reads: bool = False
    """Webhook events and deletions are left to the daily run."""


def environment_of(settings: Settings) -> str:
    """Which of Ordergroove's systems is asked; empty where an address was given instead."""
    return "" if settings.base_url else settings.environment


def progress_of(
    names: Sequence[str],
    states: Mapping[str, Mapping[str, Any]],
    settings: Settings,
    ask: Ask,
    now: DateTime,
) -> dict[str, Progress]:
    """Where each entity starts from. A state that cannot be trusted fails its entity only.

    Raises ConfigError when the warehouse was filled with another zone or environment.
    """
    progress = {}
    for name in names:
        entity = ENTITIES[name]
        made = Progress(entity=entity, before=Position())
        try:
            made.before = position_of(entity, states.get(name))
            check_same_environment(entity, made.before, environment_of(settings))
            check_not_ahead(entity, made.before, now)
            if not ask.full_refresh:
                check_same_zone(entity, made.before, settings.timezone)
        except BadState as error:
            made.before = Position()
            if not ask.full_refresh:
                made.fail(error, time.monotonic())
        progress[name] = made
    return progress


def those_not_due(
    progress: Mapping[str, Progress], settings: Settings, now: DateTime
) -> dict[str, DateTime]:
    """Entities without a change filter that were read within `whole_read_every`."""
    return {
        name: made.before.watermark
        for name, made in progress.items()
        if not made.entity.is_incremental
        and made.before.watermark is not None
        and now - made.before.watermark < settings.whole_read_every
    }


def refuse_future(latest: DateTime | None, now: DateTime) -> None:
    """Raises ConfigError when the newest load lies in the future: one of two clocks is wrong."""
    if latest is not None and latest > now.add(minutes=5):
        raise ConfigError(
            what=f"The newest load in the warehouse is of {latest:%Y-%m-%d %H:%M} UTC: that is in"
            f" the future, it is {now:%Y-%m-%d %H:%M} UTC here.",
            do="Set this machine's clock right, then run the same command again. If it is right,"
            " an earlier run's was not: sync into a new dataset with --dataset.",
        )


def refuse_other_merchant(known: Set[str], seen: Set[str]) -> None:
    """Raises ConfigError when the records seen are of another merchant than the warehouse's."""
    if known and seen and not known & seen:
        raise ConfigError(
            what="The warehouse holds the data of another merchant than this API key's.",
            do="Name another warehouse or dataset (--destination, --dataset), or use the"
            " key that belongs to this one.",
            state="Nothing of this merchant was written.",
        )
