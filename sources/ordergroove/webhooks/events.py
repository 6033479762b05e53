"""The body of a delivery as an event: what happened, when, to which object, by whom.

Tolerant on purpose: all that is asked of a body is that it is a JSON object with an `id`. A type
that nobody has heard of, a time that is none, an object without a key: stored, with a null.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import orjson

from sources.ordergroove.exact import ILL_TEXT, Digits, dumped, exact_document, mended
from sources.ordergroove.webhooks.event_types import family_of
from sources.ordergroove.webhooks.refusal import Refusal

LONGEST_ID = 200
SECRET_FIELDS = ("one_click_token",)
"""What lets its holder act as the customer: never stored. Source: Ordergroove docs."""

PLACES = ("context", "snapshot")
LATEST_S = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event as the warehouse keeps it."""

    event_id: str
    event_type: str | None
    object_type: str | None
    object_key: str | None
    happened_at: datetime | None
    """When it happened, by Ordergroove; whole seconds, UTC."""

    actor: str | None
    """Who did it: the kind, and the id where one is given, as in `customer:00000042`."""

    payload: str
    """JSON: the event as it was sent, without its snapshot."""

    snapshot: str | None
    """JSON: the records that were sent along, keyed by entity."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A delivery as the inbox keeps it."""

    event_id: str
    event_type: str
    body: bytes
    """As it was received, but for fields that nobody may keep."""

    @property
    def digest(self) -> str:
        """What two deliveries of one event share, and no two events."""
        return digest_of(self.event_id)


def letter_of(body: bytes) -> Letter:
    """A delivery that can be kept. Raises Refusal (400) for one that tells no event."""
    if any(name.encode() in body for name in SECRET_FIELDS):
        body = dumped(without_secrets(document_of(body))).encode()
    try:
        document = orjson.loads(body)
    except ValueError:
        # orjson takes no number beyond 64 bits, no half of a character and no deep nesting
        document = document_of(body)
    event_type = document.get("type") if isinstance(document, dict) else None
    return Letter(
        event_id=id_in(document),
        event_type=clean(event_type) or "" if isinstance(event_type, str) else "",
        body=body,
    )


def event_of(body: bytes) -> Event:
    """The event that a body tells of, with every digit of its numbers. Raises Refusal (400)."""
    document = without_secrets(document_of(body))
    event_id = id_in(document)
    found = {name: taken(document, name) for name in PLACES}
    inner = inside(inside(document, "data"), "object")
    event_type = text_of(document.get("type"))
    family = family_of(event_type)
    object_type = text_of(inner.get("type")) or (event_type or "").partition(".")[0] or None
    payload = without_snapshot(document)
    return Event(
        event_id=event_id,
        event_type=event_type,
        object_type=object_type,
        object_key=text_of(inner.get(family.key if family else "public_id")),
        happened_at=instant_of(document.get("created")),
        actor=actor_in(found["context"]),
        payload=mended(dumped(payload)),
        snapshot=mended(dumped(found["snapshot"])) if found["snapshot"] else None,
    )


def digest_of(event_id: str) -> str:
    return hashlib.sha256(event_id.encode()).hexdigest()


def document_of(body: bytes) -> Any:
    """The body as JSON. Raises Refusal when it is none."""
    try:
        return exact_document(body)
    except RecursionError:
        raise refused("the body is nested too deeply") from None
    except ValueError:
        raise refused("the body is no JSON") from None


def id_in(document: Any) -> str:
    """The event's id; one too long to be a key is replaced by its digest. Raises Refusal."""
    if not isinstance(document, dict):
        raise refused("the body is no JSON object")
    event_id = text_of(document.get("id"))
    if not event_id:
        raise refused("the event has no id")
    return event_id if len(event_id) <= LONGEST_ID else f"sha256:{digest_of(event_id)}"


def text_of(value: Any) -> str | None:
    """A text, or a whole number as one; None for anything else and for an empty text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return clean(value) or None if isinstance(value, str) else None


def clean(text: str) -> str:
    return ILL_TEXT.sub("\ufffd", text)


def inside(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def taken(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The block of that name, wherever it stands; pages put it in three different places."""
    data = inside(document, "data")
    for place in (document, data, inside(data, "object")):
        if found := inside(place, name):
            return found
    return {}


def without_snapshot(document: dict[str, Any]) -> dict[str, Any]:
    """The event without the snapshot that `taken` finds first."""
    data = inside(document, "data")
    inner = inside(data, "object")
    if inside(document, "snapshot"):
        return {**document, "snapshot": {}}
    if inside(data, "snapshot"):
        return {**document, "data": {**data, "snapshot": {}}}
    if inside(inner, "snapshot"):
        return {**document, "data": {**data, "object": {**inner, "snapshot": {}}}}
    return document


def without_secrets(value: Any) -> Any:
    """The value without its secret fields, at any depth. Raises Refusal for one too deep."""
    try:
        return stripped(value)
    except RecursionError:
        raise refused("the body is nested too deeply") from None


def stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: stripped(v) for k, v in value.items() if k not in SECRET_FIELDS}
    if isinstance(value, list):
        return [stripped(inner) for inner in value]
    return value


def instant_of(value: Any) -> datetime | None:
    """Seconds since 1970 as an instant, a text of digits too; None for what is no time."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if isinstance(value, bool | Digits) or not isinstance(value, int | float | Decimal):
        return None
    # nan compares as false
    return datetime.fromtimestamp(int(value), UTC) if 0 <= value <= LATEST_S else None


def actor_in(context: dict[str, Any]) -> str | None:
    """Who did it. Pages show the id beside the kind, and beside the whole block."""
    actor = inside(context, "actor")
    kind = text_of(actor.get("type"))
    if kind is None:
        return None
    for place in (actor, context):
        for block, name in (
            ("customer", "merchant_user_id"),
            ("api_key", "public_id"),
            ("user", "public_id"),
        ):
            if found := text_of(inside(place, block).get(name)):
                return f"{kind}:{found}"
    return kind


def refused(reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, reason)
