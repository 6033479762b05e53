"""What may be gone, told from the tables alone: a crash postpones such a question, no more.

A candidate is no proof. Whatever is asked here in vain costs a request, whatever is not asked stays
in the warehouse for good.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from pipelines.ordergroove.coverage import Stretch, covered
from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove import clock
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Changes, Entity, Vanishing
from state.ordergroove.ledger import DONE
from state.ordergroove.tombstones import Key
from state.ordergroove.watermark import EPOCH

KEYS_A_QUERY = 500
PORTION = 200_000
"""Keys that are held as Python values at the same time."""

LONGEST_RUN = timedelta(days=30)
"""How long ago a run that did not tell its end may have begun."""

MOST_WINDOWS = 10
"""Windows that were never swept: older ones are left to the difference of the stamps."""


@dataclass(frozen=True, kw_only=True)
class OpenRows:
    """Rows that can still vanish."""

    keys: set[Key]
    unseen: dict[Key, int]
    """The status of those that were not shown lately."""


@dataclass(frozen=True, kw_only=True)
class LiveRows:
    """The rows of one entity that are not marked as deleted."""

    warehouse: Warehouse
    entity: Entity

    @property
    def table(self) -> str:
        return self.warehouse.table(self.entity.name)

    @property
    def key(self) -> str:
        return ", ".join(f'live."{name}"' for name in self.entity.key)

    def keys(self, condition: str, parameters: Sequence[object] = ()) -> list[Key]:
        return self.warehouse.rows(
            f"select {self.key} from {self.table} as live"
            f" where live._deleted_at is null and {condition}",
            parameters,
        )

    def portions(self, size: int = PORTION) -> Iterator[list[Key]]:
        """All of them, by key, so many at once as do not weigh; a short list at once."""
        key, last = self.key, None
        while len(self.entity.key) == 1:
            after = "" if last is None else f" and {key} > ?"
            found = self.warehouse.rows(
                f"select {key} from {self.table} as live where live._deleted_at is null{after}"
                f" order by {key} limit {int(size)}",
                [] if last is None else [last],
            )
            yield found
            if len(found) < size:
                return
            last = found[-1][0]
        yield self.keys("1 = 1")

    def not_shown_since(self, instant: datetime) -> set[Key]:
        """Rows that no read has brought since then."""
        return set(self.keys("live._synced_at < ?", [instant]))

    def newest(self, number: int) -> list[Key]:
        """The rows that were fetched last; of parts, only those of wholes that are known.

        Items do not name their merchant: those of another one, come in under a wrong key, hang on
        orders that are not here, and must not vouch for a 404.
        """
        joined = ""
        if self.entity.whole and self.has_wholes():
            joined = f" join {self.wholes} as wholes on {self.belongs}"
        return self.warehouse.rows(
            f"select {self.key} from {self.table} as live{joined} where live._deleted_at is null"
            f" order by live._synced_at desc limit {int(number)}"
        )

    def has_wholes(self) -> bool:
        """Whether any are there: a merchant may have chosen to sync parts alone."""
        return bool(self.warehouse.rows(f"select 1 from {self.wholes} limit 1"))

    def by_status(self, vanishing: Vanishing, instant: datetime) -> "OpenRows":
        """The rows that can still vanish, and which of them no read has brought since then."""
        status, is_open = f'live."{vanishing.status}"', open_condition("live", vanishing)
        found = self.warehouse.rows(
            f"select {status}, case when live._synced_at < ? then 1 else 0 end, {self.key}"
            f" from {self.table} as live where live._deleted_at is null and {is_open}",
            [instant],
        )
        return OpenRows(
            keys={tuple(key) for _, _, *key in found},
            unseen={tuple(key): int(code) for code, is_unseen, *key in found if is_unseen},
        )

    def open_count(self) -> int:
        """How many rows can vanish: those of open status or, of parts, in a whole that is open."""
        condition, joined = "1 = 1", ""
        if self.entity.whole:
            joined = f" join {self.wholes} as wholes on {self.belongs}"
            whole = ENTITIES[self.entity.whole]
            if whole.vanishing:
                condition = open_condition("wholes", whole.vanishing)
        elif self.entity.vanishing:
            condition = open_condition("live", self.entity.vanishing)
        found = self.warehouse.rows(
            f"select count(*) from {self.table} as live{joined}"
            f" where live._deleted_at is null and {condition}"
        )
        return int(found[0][0])

    # what follows is asked of entities whose records are parts of others

    @property
    def wholes(self) -> str:
        return self.warehouse.table(str(self.entity.whole))

    @property
    def within(self) -> str:
        return f'live."{self.entity.vanishing and self.entity.vanishing.within}"'

    @property
    def belongs(self) -> str:
        return f'wholes."{ENTITIES[str(self.entity.whole)].key[0]}" = {self.within}'

    def of_changed_wholes(self, since: datetime) -> list[Key]:
        """Parts that were not seen with the last change of a whole that was fetched since then."""
        own, theirs = stamp_of(self.entity), stamp_of(ENTITIES[str(self.entity.whole)])
        return self.warehouse.rows(
            f"select {self.key} from {self.table} as live"
            f" join {self.wholes} as wholes on {self.belongs}"
            " where live._deleted_at is null and live._synced_at < wholes._synced_at"
            " and wholes._synced_at >= ?"
            f' and (live."{own}" is null or live."{own}" <> wholes."{theirs}")',
            [since],
        )

    def left_out_by(self, window: "ReadWindow", since: datetime) -> list[Key]:
        """Parts that the window did not show although it must have, had they been there.

        Two changes of a whole within one second have the same stamp. The whole was shown again
        since the first run after the last sweep, if in one that did not ask for its parts.
        """
        own, theirs = stamp_of(self.entity), stamp_of(ENTITIES[str(self.entity.whole)])
        bound = "" if window.start is None else f' and wholes."{theirs}" >= ?'
        return self.warehouse.rows(
            f"select {self.key} from {self.table} as live"
            f" join {self.wholes} as wholes on {self.belongs}"
            " where live._deleted_at is null and live._synced_at < ? and wholes._synced_at >= ?"
            f' and live."{own}" = wholes."{theirs}"{bound}',
            [window.began, since, *([] if window.start is None else [window.start])],
        )

    def of_gone_wholes(self) -> list[Key]:
        """Parts of wholes that have a tombstone, not seen since."""
        return self.warehouse.rows(
            f"select {self.key} from {self.table} as live"
            f" join {self.warehouse.table('tombstones')} as gone"
            f" on gone.entity = ? and gone.record_key = {self.within}"
            " where live._deleted_at is null and live._synced_at < gone.noticed_at",
            [self.entity.whole],
        )

    def in_wholes(self, keys: Iterable[Key]) -> Iterator[Key]:
        """Parts of the wholes with these keys."""
        for some in batched(keys, KEYS_A_QUERY):
            marks = ", ".join("?" for _ in some)
            yield from self.keys(f"{self.within} in ({marks})", [key[0] for key in some])

    def unknown_wholes(self, start: datetime) -> list[Key]:
        """Wholes that no row has, named by parts that changed since `start`, a wall-clock time.

        A whole that came and went between two reads leaves its parts behind.
        """
        return self.warehouse.rows(
            f"select distinct {self.within} from {self.table} as live"
            f" left join {self.wholes} as wholes on {self.belongs}"
            f" left join {self.warehouse.table('tombstones')} as gone"
            f" on gone.entity = ? and gone.record_key = {self.within}"
            f" where live._deleted_at is null and {self.within} is not null"
            " and wholes._synced_at is null and gone.entity is null"
            f' and live."{stamp_of(self.entity)}" >= ?',
            [self.entity.whole, start],
        )


@dataclass(frozen=True, kw_only=True)
class ReadWindow:
    """A window that a run has read to its end."""

    began: datetime
    """When the run began, by its clock: whatever it fetched was fetched later."""

    start: datetime | None
    """The wall-clock time from which changes were asked for; None: everything was."""


def windows_since(
    warehouse: Warehouse, entity: Entity, swept: datetime, zone: str
) -> list[ReadWindow]:
    """The window of each run that was done with the entity after `swept`, oldest first."""
    found = warehouse.rows(
        "select runs.started_at, windows.since"
        f" from {warehouse.table('sync_windows')} as windows"
        f" join {warehouse.table('sync_runs')} as runs"
        " on runs.run_id = windows.run_id and runs.entity = windows.entity"
        # a backfill's windows are closed, and its runs may read wholes without their parts
        " where windows.entity = ? and runs.command = 'sync'"
        " and runs.status = ? and runs.started_at > ?"
        " order by runs.started_at, windows.opened_at",
        [entity.name, DONE, swept],
    )
    # of a run that also finished an older window, only the last one is its own; a backfill's last
    # one is the pass over what changed meanwhile
    last = {instant_of(began): since for began, since in found}
    return [
        ReadWindow(
            began=began,
            start=None if since is None else wall_clock_before(instant_of(since), zone),
        )
        for began, since in sorted(last.items())
    ][-MOST_WINDOWS:]


def wall_clock_before(instant: datetime, zone: str) -> datetime:
    """The lower bound that a window from `instant` on asks with."""
    import pendulum

    return datetime.fromisoformat(clock.lower_bound(pendulum.instance(instant), zone))


def swept_until(warehouse: Warehouse, entity: Entity) -> datetime | None:
    """When the last run began that settled every candidate among the entity's parts."""
    found = warehouse.rows(
        f"select max(started_at) from {warehouse.table('sync_runs')}"
        " where entity = ? and swept_at is not null",
        [entity.name],
    )
    return None if found[0][0] is None else instant_of(found[0][0])


def first_run_after(warehouse: Warehouse, entity: Entity, instant: datetime) -> datetime:
    """When the first run with the entity after that instant began; the instant where none did."""
    found = warehouse.rows(
        f"select min(started_at) from {warehouse.table('sync_runs')}"
        " where entity = ? and started_at > ?",
        [entity.name, instant],
    )
    return instant if found[0][0] is None else instant_of(found[0][0])


def read_since(warehouse: Warehouse, entity: Entity) -> datetime | None:
    """From when on all changes were read, as far as the latest window; None: no window was."""
    found = warehouse.rows(
        f"select since, until from {warehouse.table('sync_windows')} where entity = ?",
        [entity.name],
    )
    spans = covered(
        Stretch(since=None if since is None else instant_of(since), until=instant_of(until))
        for since, until in found
    )
    return (spans[-1].since or EPOCH) if spans else None


def read_anew(warehouse: Warehouse, entity: Entity, swept: datetime) -> datetime | None:
    """From when on changes were read by runs that ended after the one that swept last began.

    That is how far back a backfill has reached meanwhile. A run that crashed does not say when.
    """
    found = warehouse.rows(
        "select windows.since"
        f" from {warehouse.table('sync_windows')} as windows"
        f" join {warehouse.table('sync_runs')} as runs"
        " on runs.run_id = windows.run_id and runs.entity = windows.entity"
        " where windows.entity = ? and runs.started_at <> ? and (runs.finished_at > ?"
        " or runs.finished_at is null and runs.started_at > ?)",
        [entity.name, swept, swept, swept - LONGEST_RUN],
    )
    sinces = [EPOCH if since is None else instant_of(since) for (since,) in found]
    return min(sinces, default=None)


def absent_twice(warehouse: Warehouse, entity: Entity) -> set[Key]:
    """Rows that the last two complete reads of a list lacked, if those can be believed.

    A read that is empty, or less than half of what is known, proves nothing.
    """
    reads = warehouse.rows(
        f'select started_at, "rows" from {warehouse.table("sync_runs")}'
        " where entity = ? and status = ? order by started_at desc limit 2",
        [entity.name, DONE],
    )
    live = LiveRows(warehouse=warehouse, entity=entity)
    known = live.open_count()
    if len(reads) < 2 or any(not rows or 2 * rows < known for _, rows in reads):
        return set()
    return live.not_shown_since(instant_of(reads[1][0]))


def open_condition(table: str, vanishing: Vanishing) -> str:
    """What is true of rows that can still vanish. Codes are the table's own, never data."""
    final = ", ".join(str(int(code)) for code in sorted(vanishing.final))
    return f'{table}."{vanishing.status}" not in ({final})'


def stamp_of(entity: Entity) -> str:
    changes: Changes | None = entity.changes
    return changes.stamp if changes else ""


def batched(keys: Iterable[Key], size: int) -> Iterator[Collection[Key]]:
    rest = iter(keys)
    while some := list(islice(rest, size)):
        yield some
