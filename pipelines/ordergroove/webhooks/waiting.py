"""How things stand in the inbox, for `status` and `check`: looked at, never changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.ordergroove.report import so_many
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.webhooks.values import exists
from sources.ordergroove.errors import OrdergrooveError


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What lies in the inbox. Times are UTC."""

    place: str
    """The address without password."""

    events: int = 0
    """How many wait to be loaded."""

    oldest: datetime | None = None
    """When the first of these was received."""

    latest: datetime | None = None
    """When the last event of all was received; loaded ones are kept for a while."""

    error: OrdergrooveError | None = None
    """Why nothing can be told."""


def waiting_in(settings: Settings) -> Waiting | None:
    """What waits in the inbox; None where no webhooks are in use. Raises nothing."""
    address = settings.inbox
    if address is None or not exists(address):
        return None
    # SQLAlchemy takes its time to be imported
    from pipelines.ordergroove.webhooks.inbox import inbox_at

    try:
        inbox = inbox_at(address)
        try:
            events, oldest, latest = inbox.waiting()
        finally:
            inbox.close()
    except OrdergrooveError as error:
        return Waiting(place=address.shown, error=error)
    return Waiting(place=address.shown, events=events, oldest=oldest, latest=latest)


def as_lines(waiting: Waiting | None) -> Iterator[str]:
    """A line for people, none where no webhooks are in use."""
    if waiting is None:
        return
    if waiting.error is not None:
        yield f"webhooks: {waiting.error.what}"
    elif waiting.oldest is not None:
        verb = "waits" if waiting.events == 1 else "wait"
        yield (
            f"webhooks: {so_many(waiting.events, 'event')} {verb} in the inbox, the oldest since"
            f" {shown(waiting.oldest)}; the next sync or `ordergroove webhooks load` loads them."
        )
    elif waiting.latest is not None:
        yield f"webhooks: everything is loaded; the last event came {shown(waiting.latest)}."


def as_json(waiting: Waiting | None) -> dict[str, Any] | None:
    """Times are ISO 8601 in UTC."""
    if waiting is None:
        return None
    return {
        "place": waiting.place,
        "waiting": None if waiting.error else waiting.events,
        "oldest": waiting.oldest and shown(waiting.oldest),
        "latest": waiting.latest and shown(waiting.latest),
        "error": waiting.error.what if waiting.error else None,
    }


def shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
