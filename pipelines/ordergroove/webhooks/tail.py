"""The last events of the inbox as lines: when, what, which object; never what stands in them."""

import threading
from collections.abc import Iterator
from typing import NamedTuple

from pipelines.ordergroove.webhooks.inbox import Inbox, Stored
from pipelines.ordergroove.webhooks.receiver import shown
from sources.ordergroove.webhooks.events import Event, event_of
from sources.ordergroove.webhooks.refusal import Refusal

LOOK_EVERY_S = 1.0
AT_ONCE = 200


class Line(NamedTuple):
    """One event of the inbox."""

    stored: Stored
    event: Event | None
    """None for a body that cannot be read."""


def lines(inbox: Inbox, count: int, *, after: int = 0) -> list[Line]:
    """The last events that came after that number, the oldest first."""
    found = inbox.latest(count, after)
    bodies = inbox.bodies([stored.seq for stored in found])
    return [Line(one, read(bodies[one.seq])) for one in found if one.seq in bodies]


def follow(inbox: Inbox, count: int, stop: threading.Event) -> Iterator[Line]:
    """The last events, then each that comes, until `stop` is set."""
    last = 0
    while True:
        for line in lines(inbox, count, after=last):
            last = max(last, line.stored.seq)
            yield line
        # more than that at once are not followed by anybody's eyes
        count = AT_ONCE
        if stop.wait(LOOK_EVERY_S):
            return


def read(body: bytes) -> Event | None:
    try:
        return event_of(body)
    except Refusal:
        return None


def as_text(line: Line) -> str:
    stored, event = line
    state = "loaded" if stored.loaded_at else "waiting"
    received = f"{stored.received_at:%Y-%m-%dT%H:%M:%SZ}"
    if event is None:
        return f"{received}  {state:7}  unreadable"
    type_and_key = f"{shown(event.event_type or ''):34}  {shown(event.object_key or '')}"
    return f"{received}  {state:7}  {type_and_key}  {shown(event.event_id)}"


def as_json(line: Line) -> dict[str, str | None]:
    stored, event = line
    return {
        "event_id": event.event_id if event else None,
        "event_type": event.event_type if event else None,
        "object_type": event.object_type if event else None,
        "object_key": event.object_key if event else None,
        "happened_at": event.happened_at.isoformat() if event and event.happened_at else None,
        "received_at": stored.received_at.isoformat(),
        "loaded_at": stored.loaded_at.isoformat() if stored.loaded_at else None,
    }
