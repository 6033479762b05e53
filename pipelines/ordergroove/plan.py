"""`sync --dry-run`: what a run would ask for, from the warehouse alone; nothing is changed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.preflight import Ask, progress_of, refuse_future, those_not_due
from pipelines.ordergroove.report import iso, so_many
from pipelines.ordergroove.run import Progress
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.warehouse import Warehouse, is_there, opened
from state.ordergroove.watermark import Window, window_for

PAGES_OF_LAST_RUN = """
select entity, is_whole, pages
from (
    select
        entity,
        window_since_utc is null as is_whole,
        pages,
        row_number() over (
            partition by entity, window_since_utc is null order by started_at desc
        ) as place
    from {table}
    where status = 'done' and command = 'sync'
) as runs
where place = 1
"""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a run would do about one entity."""

    entity: str
    does: str
    """One of WORDS: `everything`, `changes`, `goes on`, `whole list`, `not due` or `nothing`."""

    since: DateTime | None = None
    pages_last_time: int | None = None
    """What the last run of the same kind took; None when there was none."""

    why: str | None = None
    """The message of what stands in the way, where it does nothing."""


def dry_run(settings: Settings, names: Sequence[str], ask: Ask) -> list[Planned]:
    """The plan of a run that would begin now.

    Raises ConfigError, and Held when another program has the warehouse.
    """
    now = pendulum.now("UTC")
    states: dict[str, dict[str, Any]] = {}
    pages: dict[tuple[str, bool], int] = {}
    if is_there(settings):
        with opened(settings, read_only=True) as warehouse:
            refuse_future(warehouse.latest_instant(), now)
            states, pages = warehouse.positions(), last_pages(warehouse)
    progress = progress_of(names, states, settings, ask, now)
    not_due = {} if ask.full_refresh or ask.named else those_not_due(progress, settings, now)
    plans = []
    for name, made in progress.items():
        if made.error is not None:
            plans.append(Planned(entity=name, does="nothing", why=str(made.error)))
        elif name in not_due:
            plans.append(Planned(entity=name, does="not due", since=not_due[name]))
        else:
            window = window_of(made, settings, ask, now)
            does = kind_of(window, is_incremental=made.entity.is_incremental)
            # what a run from another time on took says nothing
            took = pages.get((name, window.since is None)) if ask.since is None else None
            plans.append(Planned(entity=name, does=does, since=window.since, pages_last_time=took))
    return plans


def window_of(made: Progress, settings: Settings, ask: Ask, now: DateTime) -> Window:
    """The window that a run which starts `now` would ask for first."""
    return window_for(
        made.entity,
        made.before,
        now=now,
        overlap=pendulum.duration(seconds=settings.overlap.total_seconds()),
        zone=settings.timezone,
        base_url=settings.url,
        since=ask.since,
        full_refresh=ask.full_refresh,
    )


def kind_of(window: Window, *, is_incremental: bool) -> str:
    if not is_incremental:
        return "whole list"
    if window.next is not None:
        return "goes on"
    return "everything" if window.since is None else "changes"


def last_pages(warehouse: Warehouse) -> dict[tuple[str, bool], int]:
    """Pages that each entity's last complete run took, apart for whole and partial reads."""
    if not warehouse.has_table("sync_runs"):
        return {}
    found = warehouse.rows(PAGES_OF_LAST_RUN.format(table=warehouse.table("sync_runs")))
    return {(entity, bool(is_whole)): pages for entity, is_whole, pages in found}


WORDS = {
    "everything": "everything from the beginning",
    "changes": "changes since {since}",
    "goes on": "goes on where it was interrupted, then what changed since",
    "whole list": "the whole list",
    "not due": "not due, read {since}",
    "nothing": "{why}",
}


def as_text(plans: Sequence[Planned], zone: str) -> str:
    """A line per entity; times on the merchant's clock."""
    width = max((len(plan.entity) for plan in plans), default=0) + 1
    lines = []
    for plan in plans:
        since = f"{plan.since.in_timezone(zone):%Y-%m-%d %H:%M %Z}" if plan.since else ""
        why = (plan.why or "").replace("\n", f"\n{'':{width}} ")
        text = WORDS[plan.does].format(since=since, why=why)
        pages = plan.pages_last_time
        took = f" ({so_many(pages, 'page')} last time)" if pages else ""
        lines.append(f"{plan.entity + ':':{width}} {text}{took}")
    return "\n".join([*lines, "", "Nothing was asked of Ordergroove and nothing was written."])


def as_json(plans: Sequence[Planned]) -> str:
    return json.dumps(
        [
            {
                "entity": plan.entity,
                "does": plan.does,
                "since": iso(plan.since),
                "pages_last_time": plan.pages_last_time,
                "why": plan.why,
            }
            for plan in plans
        ],
        indent=2,
    )
