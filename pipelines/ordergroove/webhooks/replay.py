"""Events from a file into the inbox: what a merchant exported, or what a receiver missed.

A file holds one event, a JSON list of them, or one a line; rows of `webhook_events` as
`ordergroove query --json` prints them are events too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipelines.ordergroove.webhooks.inbox import AT_ONCE, Inbox
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.exact import dumped, exact_document
from sources.ordergroove.webhooks.events import Letter, letter_of
from sources.ordergroove.webhooks.refusal import Refusal


@dataclass
class Replayed:
    """What became of the events of a file."""

    stored: int = 0
    known: int = 0
    """Already in the inbox, or a second time in the file."""

    refused: list[str] = field(default_factory=list)
    """Where and why, without content."""


def replay(inbox: Inbox, text: bytes) -> Replayed:
    """Puts every event of the text into the inbox. Raises ConfigError when it holds none."""
    found = Replayed()
    letters: list[Letter] = []
    for place, event in events_in(text):
        try:
            letters.append(letter_of(event))
        except Refusal as refusal:
            found.refused.append(f"{place}: {refusal.reason}")
        if len(letters) >= AT_ONCE:
            put(inbox, letters, found)
    put(inbox, letters, found)
    if not (found.stored or found.known or found.refused):
        raise ConfigError(
            what="There are no events in it.",
            do="Give a file with one event, a JSON list of them, or one a line.",
            state="The inbox is as it was.",
        )
    return found


def put(inbox: Inbox, letters: list[Letter], found: Replayed) -> None:
    new = inbox.put(letters, datetime.now(UTC)) if letters else set()
    found.stored += len(new)
    found.known += len(letters) - len(new)
    letters.clear()


def events_in(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Each event with its place in the file."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        document = exact_document(text)
    except (ValueError, RecursionError):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield f"line {number}", from_row(line)
        return
    if isinstance(document, list):
        for number, event in enumerate(document, 1):
            yield f"event {number}", as_sent(event)
    else:
        yield "event 1", from_row(text)


def from_row(line: bytes) -> bytes:
    """The line as it is, unless it is a row of `webhook_events`."""
    if b'"payload"' not in line:
        return line
    try:
        return as_sent(exact_document(line))
    except (ValueError, RecursionError):
        return line


def as_sent(document: Any) -> bytes:
    """An event as its sender wrote it, out of a row of `webhook_events` if it is one."""
    if isinstance(document, dict) and {"event_id", "payload"} <= document.keys():
        payload, snapshot = (unpacked(document.get(name)) for name in ("payload", "snapshot"))
        if isinstance(payload, dict):
            document = payload | ({"snapshot": snapshot} if snapshot else {})
    return dumped(document).encode()


def unpacked(value: Any) -> Any:
    """JSON that a query printed as a text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
