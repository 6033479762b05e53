"""The place the data goes to, looked at as a run would find it, and left as it is."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from pendulum import DateTime

from pipelines.ordergroove.checks.finding import (
    CONFIGURATION,
    Finding,
    failed,
    passed,
    refused,
    warned,
)
from pipelines.ordergroove.checks.probe import Probe
from pipelines.ordergroove.destinations import target_of
from pipelines.ordergroove.preflight import Ask, progress_of, refuse_future, refuse_other_merchant
from pipelines.ordergroove.run import Progress
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.engine import Target
from pipelines.ordergroove.warehouse import Warehouse, looked_at, refuse_publishing
from pipelines.ordergroove.webhooks.waiting import as_lines, waiting_in
from sources.ordergroove.errors import ConfigError, Held, OrdergrooveError
from sources.ordergroove.rows import batch_of

MEGABYTE = 2**20

LEAST_ROOM = 512 * MEGABYTE
"""For scratch files and a first load of some size."""


def of_warehouse(settings: Settings, probes: Sequence[Probe], now: DateTime) -> Iterator[Finding]:
    """The findings on this machine's side."""
    try:
        target = target_of(settings)
    except ConfigError as error:
        yield refused("destination", error)
        return
    yield from of_target(settings, target, probes, now)
    yield of_place("scratch files", settings.state_dir / "run", "--state-dir")
    yield from of_inbox(settings)
    if settings.publish is not None:
        yield tried("read copy", "It can be written.", lambda: refuse_copy(settings, target))
    if target.path is not None:
        yield of_room(target.path, settings.publish)


def refuse_copy(settings: Settings, target: Target) -> None:
    refuse_publishing(settings, target)
    if settings.publish is not None:
        refuse_unwritable(settings.publish, "--publish")


def of_target(
    settings: Settings, target: Target, probes: Sequence[Probe], now: DateTime
) -> Iterator[Finding]:
    place = str(target.path or settings.destination_shown)
    writable = passed(
        "destination",
        f"{place} {'can be read and written' if target.is_there() else 'will be created'}.",
    )
    with ExitStack() as stack:
        try:
            if target.path is not None:
                refuse_unwritable(target.path, "--destination")
            target.refuse_unusable()
            warehouse = stack.enter_context(looked_at(settings))
        except Held as error:
            yield writable
            yield refused("lock", error)
            return
        except ConfigError as error:
            yield refused("destination", error)
            return
        yield writable
        yield passed("lock", "No other program holds the warehouse.")
        try:
            yield from of_contents(warehouse, settings, probes, now)
        except Exception as error:
            # whatever a damaged warehouse makes its engine or dlt raise: the other checks go on
            yield failed(
                "state",
                f"{place} opens, but cannot be read to its end: {type(error).__name__}.",
                "It may be damaged: restore it from a backup, or name another file with"
                " --destination and sync from the beginning.",
                CONFIGURATION,
            )


def of_contents(
    warehouse: Warehouse, settings: Settings, probes: Sequence[Probe], now: DateTime
) -> Iterator[Finding]:
    """What earlier runs left, and whether this one could go on from there."""
    latest = warehouse.latest_instant()
    yield tried("last run", "Nothing is dated in the future.", lambda: refuse_future(latest, now))
    try:
        stored = warehouse.positions()
    except ConfigError as error:
        yield refused("state", error)
        return
    try:
        progress = progress_of(settings.entities, stored, settings, Ask(), now)
    except ConfigError as error:
        yield refused("state", error)
    else:
        yield from of_state(progress.values())
        yield from of_merchant(progress, settings, probes)
    yield tried("restore", "dlt restores the same state.", lambda: restored(warehouse))


def of_inbox(settings: Settings) -> Iterator[Finding]:
    """Nothing where no webhooks are in use."""
    waiting = waiting_in(settings)
    if waiting is None:
        return
    if waiting.error is not None:
        yield refused("inbox", waiting.error)
        return
    told = next(as_lines(waiting), "webhooks: no event has come yet.").removeprefix("webhooks: ")
    file = settings.inbox.file if settings.inbox else None
    what = told[:1].upper() + told[1:]
    yield tried("inbox", what, lambda: refuse_unwritable(file, "--inbox") if file else None)


def restored(warehouse: Warehouse) -> None:
    """Lets dlt read the state as it does at the start of a run, with a scratch of its own."""
    with TemporaryDirectory(prefix="ordergroove-") as scratch:
        warehouse.pipeline(Path(scratch))


def of_state(progress: Iterable[Progress]) -> Iterator[Finding]:
    progress = tuple(progress)
    errors = [made.error for made in progress if isinstance(made.error, OrdergrooveError)]
    yield from (refused("state", error) for error in errors)
    read = sum(made.before.watermark is not None for made in progress)
    if read and not errors:
        what = f"{read} of {len(progress)} object types were read before; a sync goes on there."
        yield passed("state", what)
    elif not errors:
        yield passed("state", "Nothing was read to its end yet: a sync begins at the beginning.")


def of_merchant(
    progress: dict[str, Progress], settings: Settings, probes: Sequence[Probe]
) -> Iterator[Finding]:
    """Whether the first pages are of the merchant whose data is there; nothing without pages."""
    compared = False
    for probe in probes:
        made = progress.get(probe.entity.name)
        if made is None or probe.page is None:
            continue
        known = set(made.before.merchants)
        seen = batch_of(probe.entity, [probe.page], settings.timezone).merchants
        try:
            refuse_other_merchant(known, seen)
        except ConfigError as error:
            yield refused("merchant", error)
            return
        compared = compared or bool(known and seen)
    if compared:
        yield passed("merchant", "The warehouse holds the data of this key's merchant.")


def tried(name: str, what: str, look: Callable[[], object]) -> Finding:
    """The finding of something that raises when it is not right; `what` says that it is."""
    try:
        look()
    except OrdergrooveError as error:
        return refused(name, error)
    return passed(name, what)


def of_place(name: str, path: Path, flag: str) -> Finding:
    return tried(name, f"{path.parent} can be written to.", lambda: refuse_unwritable(path, flag))


def refuse_unwritable(path: Path, flag: str) -> None:
    """Raises ConfigError when the file, or one there, could not be written. Writes nothing."""
    if why := why_unwritable(path):
        raise ConfigError(
            what=f"{path} cannot be written: {why}.",
            do=f"Name a file in a directory that you may write to, with {flag}.",
        )


def why_unwritable(path: Path) -> str | None:
    """What speaks against writing the file, making its directories first; None: nothing does."""
    if os.path.isdir(path):
        return "it is a directory"
    if os.path.exists(path) and not may(path, os.R_OK | os.W_OK):
        return "you have no right to read and write it"
    above = existing_above(path)
    if not os.path.isdir(above):
        return f"{above} is no directory"
    if not may(above, os.W_OK | os.X_OK):
        return f"you have no right to write to {above}"
    return None


def may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def existing_above(path: Path) -> Path:
    """The nearest directory above a file that is there."""
    return next(above for above in path.absolute().parents if os.path.lexists(above))


def of_room(path: Path, copy: Path | None) -> Finding:
    """Whether the disk has room for what a merge, and the read copy, write beside the file."""
    size = path.stat().st_size if os.path.isfile(path) else 0
    free = shutil.disk_usage(existing_above(path)).free
    return room(size=size, free=free, copies=1 if copy is None else 2)


def room(*, size: int, free: int, copies: int) -> Finding:
    """The finding on `free` bytes beside a file of `size`, of which `copies` may be written."""
    needed = max(size * copies, LEAST_ROOM)
    shown = f"{free / MEGABYTE:,.0f} MB are free beside a warehouse of {size / MEGABYTE:,.0f} MB"
    if free >= needed:
        return passed("disk", f"{shown}.")
    return warned(
        "disk",
        f"{shown}: a large merge may not find the room it needs.",
        f"Make room: {needed / MEGABYTE:,.0f} MB are on the safe side.",
    )
