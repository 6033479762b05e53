"""Which stretches of change time have been read to their end, and what lies between them."""

from collections.abc import Iterable
from dataclasses import dataclass

from pendulum import DateTime


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of change time, UTC. No `since`: from the beginning."""

    since: DateTime | None
    until: DateTime


def covered(windows: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The stretches of all windows together, in order; those that touch or overlap are one."""
    merged: list[Stretch] = []
    for window in sorted(windows, key=begins):
        last = merged[-1] if merged else None
        if last is None or (window.since is not None and window.since > last.until):
            merged.append(window)
        elif window.until > last.until:
            merged[-1] = Stretch(since=last.since, until=window.until)
    return tuple(merged)


def begins(window: Stretch) -> tuple[bool, float]:
    since = window.since
    return (since is not None, since.timestamp() if since is not None else 0.0)


def gaps(spans: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    """What no window has read, up to the end of the last one; `spans` as `covered` gives them."""
    found = []
    until: DateTime | None = None
    for span in spans:
        if span.since is not None:
            found.append(Stretch(since=until, until=span.since))
        until = span.until
    return tuple(found)
