"""From the inbox into `webhook_events`: whatever is in the one and not in the other.

That question is asked of the warehouse itself, so every step can be cut off: what was loaded and
not marked in the inbox is marked by the next run; what was marked and not loaded cannot be. A row
that is there is never written again.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.loading import Chunk, run_package
from pipelines.ordergroove.package import reason_of, take_back
from pipelines.ordergroove.privacy.forgotten import Forgotten, blank, forgotten_in, kept, people_in
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.webhooks.values import exists
from sources.ordergroove.errors import OrdergrooveError
from sources.ordergroove.webhooks.events import Event, digest_of, event_of
from sources.ordergroove.webhooks.refusal import Refusal

if TYPE_CHECKING:
    from dlt import Pipeline

    from pipelines.ordergroove.warehouse import Warehouse
    from pipelines.ordergroove.webhooks.inbox import Inbox, Stored

log = logging.getLogger(__name__)

EVENTS = "webhook_events"
MOST_ROWS = 10_000
MOST_BYTES = 32 * 2**20
BODIES_AT_ONCE = 50
KEYS_AT_ONCE = 500


def drain_into(
    warehouse: "Warehouse", pipeline: "Pipeline", settings: Settings, now: datetime
) -> int:
    """Loads what the inbox of the settings holds. Returns how many events were new.

    Raises InboxUnreachable, ConfigError, and OrdergrooveError when the warehouse refuses them.
    """
    if settings.inbox is None or not exists(settings.inbox):
        return 0
    # SQLAlchemy takes its time to be imported, and most runs have no inbox
    from pipelines.ordergroove.webhooks.inbox import opened_inbox

    with opened_inbox(settings.inbox) as inbox:
        keep = settings.inbox_keep
        return drain(inbox, warehouse, lambda rows: load(pipeline, rows), now=now, keep=keep)


def drain(
    inbox: "Inbox",
    warehouse: "Warehouse",
    load: Callable[[list[dict[str, Any]]], None],
    *,
    now: datetime,
    keep: timedelta,
) -> int:
    """Loads every event that the warehouse lacks; marks them, and clears what is long loaded.

    `load` takes rows of `webhook_events` into the warehouse, all or none.
    """
    letters = inbox.index()
    forgotten = forgotten_in(warehouse)
    waiting = without_known(warehouse, letters)
    count = 0
    for portion in portions(inbox, waiting):
        known = known_ids(warehouse, [event.event_id for _, event in portion])
        rows = [row_of(one, event) for one, event in portion if event.event_id not in known]
        theirs = [event for event in rows if forgotten.is_in(event)]
        if rows:
            load([veiled(event, forgotten) for event in rows])
        inbox.replace({event["event_id"]: kept(veiled(event, forgotten)) for event in theirs})
        inbox.mark_loaded([stored.seq for stored, _ in portion], now)
        count += len(rows)
    # a crash between load and mark leaves events that are there and not marked
    missing = {stored.seq for stored in waiting}
    there = [one.seq for one in letters if one.seq not in missing and one.loaded_at is None]
    inbox.mark_loaded(there, now)
    inbox.clear(now - keep)
    return count


def without_known(warehouse: "Warehouse", letters: Sequence["Stored"]) -> list["Stored"]:
    """The letters whose event was not loaded from this inbox before."""
    if not letters or not warehouse.has_table(EVENTS):
        return list(letters)
    since = min(stored.received_at for stored in letters)
    rows = warehouse.rows(
        f"select event_id from {warehouse.table(EVENTS)} where received_at >= ?", (since,)
    )
    known = {digest_of(event_id) for (event_id,) in rows}
    return [stored for stored in letters if stored.digest not in known]


def known_ids(warehouse: "Warehouse", event_ids: Sequence[str]) -> set[str]:
    """Those of the events that the warehouse has from whenever: a replay may bring them again."""
    if not warehouse.has_table(EVENTS):
        return set()
    known: set[str] = set()
    for start in range(0, len(event_ids), KEYS_AT_ONCE):
        some = event_ids[start : start + KEYS_AT_ONCE]
        marks = ", ".join("?" for _ in some)
        rows = warehouse.rows(
            f"select event_id from {warehouse.table(EVENTS)} where event_id in ({marks})", some
        )
        known.update(event_id for (event_id,) in rows)
    return known


def portions(inbox: "Inbox", waiting: Sequence["Stored"]) -> Iterator[list[tuple["Stored", Event]]]:
    """The events in amounts that fit into memory and into one package."""
    portion: list[tuple[Stored, Event]] = []
    size = 0
    for start in range(0, len(waiting), BODIES_AT_ONCE):
        some = waiting[start : start + BODIES_AT_ONCE]
        bodies = inbox.bodies([stored.seq for stored in some])
        for stored in some:
            body = bodies.get(stored.seq, b"")
            event = readable(stored, body)
            if event is not None:
                portion.append((stored, event))
                size += len(body)
        if len(portion) >= MOST_ROWS or size >= MOST_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def readable(stored: "Stored", body: bytes) -> Event | None:
    """The event, or None for a body that another program must have put there."""
    try:
        return event_of(body)
    except Refusal as refusal:
        log.warning("letter %d of the inbox is no event: %s", stored.seq, refusal.reason)
        return None


def row_of(stored: "Stored", event: Event) -> dict[str, Any]:
    return vars(event) | {"received_at": stored.received_at}


def veiled(event: dict[str, Any], forgotten: Forgotten) -> dict[str, Any]:
    people = forgotten.among(people_in(event))
    return blank(event, people) if people else event


def load(pipeline: "Pipeline", rows: list[dict[str, Any]]) -> None:
    """Loads the rows in a package of their own. Raises OrdergrooveError; then none is there."""
    try:
        run_package(pipeline, Chunk(ledger={EVENTS: rows}), ())
    except Exception as error:
        log.debug("loading webhook events failed", exc_info=True)
        take_back(pipeline)
        raise OrdergrooveError(
            what=f"Loading {EVENTS} failed: {reason_of(error)}",
            do="Mend the cause in the warehouse, then run `ordergroove webhooks load`.",
            state="The events are still in the inbox.",
        ) from None
