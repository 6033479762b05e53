"""What has to hold of a warehouse, after any run and after a quiet one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.coverage import Stretch, covered
from pipelines.ordergroove.status import windows_of
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.model import Entity
from state.ordergroove.ledger import RUNNING
from state.ordergroove.watermark import position_of
from tests.simulation.scene import SETTING
from tests.stories.stage import Stage, expected_columns
from tests.stories.truth import Key, Rows, stored

DOUBT = pendulum.duration(hours=3)
"""A stretch may be off by the zones that the server may be in, and by a clock's error."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The warehouse at one moment."""

    rows: dict[str, Rows]
    """All rows of the tables that are there, by key."""

    marked: dict[str, set[Key]]
    """Which of them are marked as deleted."""

    watermarks: dict[str, DateTime | None]
    windows: dict[str, list[Stretch]]
    unfinished: int
    """Rows of `sync_runs` that say that a run goes on."""

    buried: set[tuple[Any, ...]]
    """The tombstones."""

    def live(self, name: str) -> Rows:
        gone = self.marked.get(name, set())
        return {key: row for key, row in self.rows.get(name, {}).items() if key not in gone}


NOTHING = Look(rows={}, marked={}, watermarks={}, windows={}, unfinished=0, buried=set())


def look_at(stage: Stage, names: Iterable[str]) -> Look:
    """Fails where a key stands twice."""
    try:
        with opened(stage.settings(), read_only=True) as warehouse:
            return look_into(warehouse, names)
    except ConfigError:
        # no file yet
        return NOTHING


def look_into(warehouse: Warehouse, names: Iterable[str]) -> Look:
    tables = warehouse.tables()
    rows, marked = {}, {}
    for name in names:
        if name in tables:
            rows[name], marked[name] = rows_of(warehouse, name)
    unfinished, buried = 0, set()
    if "sync_runs" in tables:
        runs = warehouse.table("sync_runs")
        sql = f"select count(*) from {runs} where status = ?"
        unfinished = int(warehouse.rows(sql, [RUNNING])[0][0])
    if "tombstones" in tables:
        stones = warehouse.table("tombstones")
        buried = {*warehouse.rows(f"select entity, record_key, noticed_at from {stones}")}
    return Look(
        rows=rows,
        marked=marked,
        watermarks={
            name: position_of(ENTITIES[name], state).watermark
            for name, state in warehouse.positions().items()
            if name in ENTITIES
        },
        windows=windows_of(warehouse),
        unfinished=unfinished,
        buried=buried,
    )


def rows_of(warehouse: Warehouse, name: str) -> tuple[Rows, set[Key]]:
    columns = list(expected_columns(name))
    listed = ", ".join(f'"{column}"' for column in columns)
    found = warehouse.rows(
        f"select case when _deleted_at is null then 0 else 1 end, {listed}"
        f" from {warehouse.table(name)}"
    )
    rows = stored(name, columns, (values[1:] for values in found))
    # `stored` keeps their order
    marked = {key for key, (is_marked, *_) in zip(rows, found, strict=True) if is_marked}
    return rows, marked


def assert_kept(before: Look, after: Look, truth: dict[str, Rows]) -> None:
    """What stood there stands there; nothing that lives is marked."""
    for name, rows in before.rows.items():
        gone = rows.keys() - after.rows.get(name, {}).keys()
        assert not gone, f"{name}: {len(gone)} rows are gone, such as {min(gone)}"
    for name, keys in after.marked.items():
        alive = keys & truth[name].keys()
        assert not alive, f"{name}: marked as deleted but alive: {min(alive)}"


def assert_not_ahead(look: Look, truth: dict[str, Rows], zone: str, *, has_all: bool) -> None:
    """What changed before a watermark was loaded. `zone` is the server's.

    `has_all`: everything was read once; else what no window covers may be missing.
    """
    for name, rows in truth.items():
        entity, watermark = ENTITIES[name], look.watermarks.get(name)
        if watermark is None or entity.changes is None:
            continue
        there, stamp = look.rows.get(name, {}), entity.changes.stamp
        for key, row in rows.items():
            # the later one, where the clock showed the time twice
            if row[stamp] is None or instant(row[stamp], zone) >= watermark:
                continue
            if key in there:
                assert there[key][stamp] == row[stamp], (
                    f"{name} {key}: changed at {row[stamp]}, there as of {there[key][stamp]},"
                    f" yet the watermark is {watermark}"
                )
            else:
                assert not has_all, f"{name} {key} of {row[stamp]} missing before {watermark}"


def assert_true(
    look: Look,
    truth: dict[str, Rows],
    *,
    has_all: bool,
    promised: Iterable[Stretch],
) -> None:
    """Live rows are the API's; only those are missing that changed in what was never read."""
    for name, rows in truth.items():
        live = look.live(name)
        gone = live.keys() - rows.keys()
        ghosts = {key for key in gone if has_all or may_be_noticed(look, name, live[key])}
        assert not ghosts, f"{name}: {len(ghosts)} should not live, such as {min(ghosts)}"
        for key in live.keys() & rows.keys():
            row = live[key]
            wrong = {c: (row[c], value) for c, value in rows[key].items() if row[c] != value}
            assert not wrong, f"{name} {key}, (found, true): {wrong}"
        spans = [*covered(look.windows.get(name, [])), *promised]
        for key in rows.keys() - live.keys():
            assert_may_lack(ENTITIES[name], key, rows[key], spans, has_all=has_all)


def may_be_noticed(look: Look, name: str, row: dict[str, Any]) -> bool:
    """Whether a row could be known to be gone: not where what it is a part of was never read."""
    entity = ENTITIES[name]
    if entity.whole is None or entity.vanishing is None or entity.changes is None:
        return True
    is_known = (row[str(entity.vanishing.within)],) in look.rows.get(entity.whole, {})
    stamp = row[f"{entity.changes.stamp}_utc"]
    spans = covered(look.windows.get(entity.whole, []))
    is_read = any(
        (span.since is None or span.since + DOUBT <= stamp) and stamp <= span.until + DOUBT
        for span in spans
    )
    return is_known or stamp is None or is_read


def assert_may_lack(
    entity: Entity, key: Key, row: dict[str, Any], spans: Iterable[Stretch], *, has_all: bool
) -> None:
    assert not has_all, f"{entity.name}: {key} is missing"
    assert entity.changes is not None, f"{entity.name}: {key} of a whole list is missing"
    stamp = pendulum.instance(row[f"{entity.changes.stamp}_utc"])
    within = [
        span
        for span in spans
        if (span.since is None or span.since + DOUBT <= stamp) and stamp <= span.until - DOUBT
    ]
    assert not within, f"{entity.name}: {key} of {stamp} is missing from {within}"


def assert_told(look: Look, names: Iterable[str], now: DateTime) -> None:
    """The ledger after a quiet run that ended at `now`, by the machine's clock."""
    assert look.unfinished == 0, f"{look.unfinished} rows of sync_runs are still running"
    for name in names:
        watermark = look.watermarks.get(name)
        assert watermark is not None, f"{name} has no watermark"
        assert watermark <= now, f"{name}: {watermark} was not read yet, it is {now}"
        late = [span for span in look.windows[name] if span.until > now and span.since is None]
        assert not late, f"{name}: read up to {late}, it is {now}"


def instant(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone), fold=1)


def truth_of(stage: Stage, names: Iterable[str]) -> dict[str, Rows]:
    return {name: stage.truth(name, SETTING) for name in names}
