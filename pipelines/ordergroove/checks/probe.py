"""What `check` asks of Ordergroove: a first page of each list, and a question about the future."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.client import Client
from sources.ordergroove.clock import wall_clock
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import OrdergrooveError
from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page
from sources.ordergroove.rows import batch_of
from sources.ordergroove.run_clock import RunClock

CUSTOMERS = "customers"
"""The list that shows whether a key sees more than one of them."""

# somebody is waiting for the answer; a sync has more patience
PATIENCE = timedelta(seconds=15)

# more than the clocks of Ordergroove's own machines differ, less than two zones do
STAMP_TOLERANCE = timedelta(minutes=10)

# no two zones on Earth are further apart; what is stamped later is no matter of zones
MOST_BETWEEN_ZONES = timedelta(hours=26)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What one list answered."""

    entity: Entity
    page: Page | None = None
    """Its first page; None when there was none."""

    stamps: Sequence[datetime] = ()
    """Change stamps, wall clock, in the answer to what changes after now."""

    until: datetime | None = None
    """Where that question began: now and a tolerance, wall clock. None: it was not answered."""

    took_s: float = 0.0
    error: OrdergrooveError | None = None


def probed(settings: Settings, now: DateTime) -> tuple[Probe, ...]:
    """A probe of each wanted object type and of the customers, side by side.

    Each has one request under way at a time. Raises ConfigError when there is no usable key.
    """
    patience = min(settings.retry_limit, PATIENCE)
    client = client_for(replace(settings, retry_limit=patience))
    client.clock = RunClock(wall=lambda: now)
    names = [name for name in ENTITIES if name in (CUSTOMERS, *settings.entities)]
    with closing(client), ThreadPoolExecutor(len(names)) as pool:
        try:
            zone = settings.timezone
            return tuple(pool.map(lambda name: probe(client, ENTITIES[name], zone), names))
        finally:
            # whoever interrupts does not want to wait for the requests that are left
            client.stop.set()


def probe(client: Client, entity: Entity, zone: str) -> Probe:
    began = time.monotonic()
    made = Probe(entity=entity)
    try:
        page = next(client.pages(entity, params={}))
        made = replace(made, page=page, took_s=time.monotonic() - began)
        return made if entity.changes is None else with_future(made, client, page, zone)
    except OrdergrooveError as error:
        return replace(made, error=error)


def with_future(made: Probe, client: Client, page: Page, zone: str) -> Probe:
    """The probe with what the list says has changed after now: nothing, if the zone is right."""
    changes = made.entity.changes
    if changes is None:
        return made
    start = latest_shown(server_now(page), zone) + STAMP_TOLERANCE
    bounds = {changes.start: start, changes.end: start + MOST_BETWEEN_ZONES}
    params = {name: at.replace(microsecond=0).isoformat() for name, at in bounds.items()}
    ahead = next(client.pages(made.entity, params=params))
    column = batch_of(made.entity, [ahead], zone).table.column(changes.stamp)
    stamps = [stamp for stamp in column.to_pylist() if stamp is not None]
    return replace(made, stamps=stamps, until=start)


def server_now(page: Page) -> DateTime:
    """Ordergroove's clock at a page; our own where the answer carried no `Date`."""
    return pendulum.instance(page.fetched_at).add(seconds=page.server_ahead_s or 0.0)


def latest_shown(instant: DateTime, zone: str) -> datetime:
    """The latest that a clock in `zone` has shown up to an instant.

    In autumn it was an hour further a while ago, and what was stamped then is not of the future.
    """
    a_while = timedelta(hours=3)
    return max(wall_clock(instant, zone), wall_clock(instant - a_while, zone) + a_while)
