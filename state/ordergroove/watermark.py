"""How far each object type has been read, and what to ask for next.

The state itself lives in the destination, in the same load package as the rows it speaks of; this
module only turns it into values and back. All instants are UTC.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pendulum
from pendulum import DateTime, Duration

from sources.ordergroove import clock
from sources.ordergroove.errors import ConfigError, EntityError
from sources.ordergroove.model import Entity

EPOCH = pendulum.datetime(2009, 1, 1)
"""Before anything Ordergroove can hold: where a window without a lower end is cut from."""


class BadState(EntityError):
    """The remembered position cannot be trusted."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of change time in Ordergroove's wall clock, both ends inclusive; None is open."""

    start: str | None = None
    end: str | None = None


@dataclass(frozen=True, kw_only=True)
class Window:
    """One question to a list: what changed since when, and how far its pages have been loaded."""

    since: DateTime | None
    """Lower bound after the overlap; None asks for everything."""

    until: DateTime | None = None
    """Upper bound of a slice of history; None asks for all that came since."""

    opened_at: DateTime
    """Start of the run that asked for the first page: the watermark once the last is loaded."""

    fingerprint: str
    """What the saved `next` link depends on: host, parameters, zone."""

    next: str | None = None
    """Where to go on in the first of `spans`; None: at its first page."""

    spans: tuple[Span, ...] = (Span(),)
    """What is still to be read, in order. More than one only where the server had to be
    outwitted because it cannot page through so many records of one second."""

    def params(self, entity: Entity) -> dict[str, str]:
        """Query parameters of the window's current span."""
        if entity.changes is None or not self.spans:
            return {}
        span = self.spans[0]
        bounds = {entity.changes.start: span.start, entity.changes.end: span.end}
        return {name: value for name, value in bounds.items() if value is not None}

    @property
    def is_open(self) -> bool:
        return bool(self.spans)

    def at(self, link: str | None) -> "Window":
        """The window after a page whose `next` was `link`; None ends the current span."""
        if link is not None:
            return replace(self, next=link)
        return replace(self, next=None, spans=self.spans[1:])

    def halved(self, now: DateTime) -> "Window | None":
        """The window with its current span cut in two; None when it is too short for that."""
        span = self.spans[0]
        start = wall(span.start) if span.start else EPOCH.naive()
        end = wall(span.end) if span.end else now.add(days=1).naive()
        middle = (start + (end - start) / 2).replace(microsecond=0)
        if not start < middle < end:
            return None
        edge = middle.isoformat()
        first, second = replace(span, end=edge), replace(span, start=edge)
        return replace(self, next=None, spans=(first, second, *self.spans[1:]))


@dataclass(frozen=True, kw_only=True)
class Position:
    """All that is remembered of one object type."""

    watermark: DateTime | None = None
    """`opened_at` of the last window that was read to its end; None: never."""

    window: Window | None = None
    """A window that was begun and not finished."""

    merchants: tuple[str, ...] = ()
    """Merchant ids seen in its records: the guard against a key of another merchant."""

    zone: str = ""
    """The zone setting its stamps were read with; empty where an older state does not say."""

    environment: str = ""
    """Which of Ordergroove's systems it was read from; empty where only an address was given."""

    backfill: object = None
    """What `slices` remembers of a backfill that is not finished, as JSON values."""

    def as_state(self) -> dict[str, Any]:
        """The position as JSON values."""
        return {
            "watermark": text_of(self.watermark),
            "merchants": list(self.merchants),
            "zone": self.zone,
            "environment": self.environment,
            "window": None if self.window is None else state_of(self.window),
            "backfill": self.backfill,
        }


def state_of(window: Window) -> dict[str, Any]:
    """The window as JSON values."""
    return {
        "since": text_of(window.since),
        "until": text_of(window.until),
        "opened_at": text_of(window.opened_at),
        "fingerprint": window.fingerprint,
        "next": window.next,
        "spans": [[span.start, span.end] for span in window.spans],
    }


def position_of(entity: Entity, state: Mapping[str, Any] | None) -> Position:
    """The remembered position. Raises BadState when the state is not what this program writes."""
    if not state:
        return Position()
    try:
        window = state.get("window")
        return Position(
            watermark=instant_of(state.get("watermark")),
            merchants=tuple(str(merchant) for merchant in state.get("merchants") or ()),
            zone=str(state.get("zone") or ""),
            environment=str(state.get("environment") or ""),
            backfill=state.get("backfill"),
            window=None if window is None else window_of(window),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise BadState(
            f"The state of {entity.name} in the warehouse is not readable.",
            f"Read it anew with `ordergroove sync --full-refresh {entity.name}`.",
        ) from None


def window_of(state: Mapping[str, Any]) -> Window:
    opened_at = instant_of(state["opened_at"])
    if opened_at is None:
        raise ValueError("a window has to know when it was opened")
    return Window(
        since=instant_of(state["since"]),
        until=instant_of(state.get("until")),
        opened_at=opened_at,
        fingerprint=str(state["fingerprint"]),
        next=None if state["next"] is None else str(state["next"]),
        spans=tuple(Span(start=edge(start), end=edge(end)) for start, end in state["spans"]),
    )


def check_not_ahead(entity: Entity, position: Position, now: DateTime) -> None:
    """Raises BadState for a watermark or window that lies after `now`: no clock to build on."""
    window = position.window
    for instant in (position.watermark, window.opened_at if window else None):
        if instant is not None and instant > now.add(minutes=1):
            raise BadState(
                f"The watermark of {entity.name} ({instant.to_iso8601_string()}) lies in the"
                f" future: it is {now.to_iso8601_string()} here.",
                "Set this machine's clock right; if it is right, run"
                f" `ordergroove sync --full-refresh {entity.name}`.",
            )


def check_same_zone(entity: Entity, position: Position, zone: str) -> None:
    """Raises ConfigError when the rows so far were read with another zone setting than `zone`."""
    if position.zone and position.zone != zone:
        raise ConfigError(
            f"The stamps of {entity.name} in the warehouse were read as {position.zone}, but the"
            f" time zone setting is now {zone}.",
            "Run `ordergroove sync --full-refresh`, which computes all instants anew, or set"
            f" ORDERGROOVE_TIMEZONE back to {position.zone}.",
        )


def check_same_environment(entity: Entity, position: Position, environment: str) -> None:
    """Raises ConfigError when the rows so far came from the other one of Ordergroove's systems.

    An empty environment, of the position or of this run, is not compared.
    """
    if position.environment and environment and position.environment != environment:
        raise ConfigError(
            f"The {entity.name} in the warehouse came from Ordergroove's {position.environment}"
            f" system, but the environment setting is now {environment}.",
            "Name another warehouse or dataset (--destination, --dataset), or set"
            f" ORDERGROOVE_ENVIRONMENT back to {position.environment}.",
        )


def closes_the_gap(position: Position, since: DateTime, overlap: Duration) -> bool:
    """Whether a read of all changes from `since` on may move the watermark: none is left out.

    `since` is compared as it is, the watermark after the overlap.
    """
    return position.watermark is not None and since <= position.watermark - overlap


def window_for(
    entity: Entity,
    position: Position,
    *,
    now: DateTime,
    overlap: Duration,
    zone: str,
    base_url: str,
    since: DateTime | None = None,
    full_refresh: bool = False,
) -> Window:
    """The span of changes to ask for next, or the one that was begun and not finished.

    `now` is the start of the run. The lower bound is inclusive, lies `overlap` before the
    watermark and is rendered in the earliest clock Ordergroove may mean, so a wrong guess re-reads
    an hour instead of losing one; the upper end stays open. A saved position that no longer fits
    the settings is dropped; the window then begins again and keeps its `opened_at`.
    `since` asks from there instead, without the overlap, and `full_refresh` for everything; both
    pass by a window that was begun.
    Source: Ordergroove docs, "Implement Custom Data Pipelines".
    """
    fingerprint = fingerprint_of(entity, zone=zone, base_url=base_url)
    start = None
    if entity.is_incremental and not full_refresh:
        begun = position.window
        if since is None and begun is not None:
            fits = begun.fingerprint == fingerprint
            return begun if fits else restarted(begun, fingerprint=fingerprint, zone=zone)
        start = since or (position.watermark and position.watermark - overlap)
    return opened(start, now, fingerprint=fingerprint, zone=zone)


def opened(
    since: DateTime | None,
    at: DateTime,
    *,
    until: DateTime | None = None,
    fingerprint: str,
    zone: str,
) -> Window:
    span = Span(
        start=None if since is None else clock.lower_bound(since, zone),
        end=None if until is None else clock.upper_bound(until, zone),
    )
    return Window(since=since, until=until, opened_at=at, fingerprint=fingerprint, spans=(span,))


def restarted(window: Window, *, fingerprint: str, zone: str) -> Window:
    """The same window from its first page, with the same `opened_at`."""
    return opened(
        window.since, window.opened_at, until=window.until, fingerprint=fingerprint, zone=zone
    )


def advance(position: Position, window: Window, *, passing: bool = False) -> Position:
    """The position after a page of `window` was read: only its last page moves the watermark.

    `passing`: the window was asked for beside one left over, which stays as it is.
    """
    left_over = position.window if passing else None
    if window.is_open:
        return replace(position, window=left_over or window)
    latest = max(filter(None, (position.watermark, window.opened_at)))
    return replace(position, window=left_over, watermark=latest)


def fingerprint_of(entity: Entity, *, zone: str, base_url: str) -> str:
    """A short digest of all that a saved `next` link depends on."""
    parts = [base_url, entity.path, zone, *sorted(f"{k}={v}" for k, v in entity.params.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def text_of(instant: DateTime | None) -> str | None:
    return None if instant is None else instant.in_timezone("UTC").isoformat()


def instant_of(text: object) -> DateTime | None:
    """A stored instant. Raises ValueError for text that is none, or that has no zone."""
    if text is None:
        return None
    value = datetime.fromisoformat(str(text))
    if value.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return pendulum.instance(value.astimezone(UTC))


def edge(text: object) -> str | None:
    """A stored end of a span. Raises ValueError or TypeError for what is no wall-clock time."""
    if text is None:
        return None
    if not isinstance(text, str) or wall(text).tzinfo is not None:
        raise ValueError("an edge is a wall-clock time")
    return text


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)
