"""A page: what the client hands over and the rows are made from, and how an answer becomes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

import orjson

from sources.ordergroove.errors import NoPage, PositionLost, Unpageable
from sources.ordergroove.exact import exact_document
from sources.ordergroove.model import Answer, Entity


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer of a list endpoint, parsed but not typed."""

    records: list[Any]
    next: str | None
    body: bytes
    fetched_at: datetime
    """UTC, taken before the request was sent: what the page shows is at least as new."""

    server_ahead_s: float | None
    """Server's clock minus ours, in seconds; None where the answer carried no usable `Date`."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A whole 200, parsed; what it means is not yet looked at."""

    document: object
    body: bytes
    fetched_at: datetime
    server_ahead_s: float | None

    def page(self, records: list[Any], link: str | None) -> Page:
        return Page(
            records=records,
            next=link,
            body=self.body,
            fetched_at=self.fetched_at,
            server_ahead_s=self.server_ahead_s,
        )


def document_of(body: bytes) -> object:
    """The JSON document, or None for a body that never was one (an HTML page, say).

    orjson refuses lone surrogates and numbers beyond a double, which JSON allows; the standard
    parser takes them.
    Raises ValueError for a body that is empty or ends too early.
    """
    if body.lstrip()[:1] not in (b"{", b"[", b""):
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return exact_document(body)
    except RecursionError:
        # whole, but nested deeper than any record: what it holds cannot be told
        return None


def envelope(entity: Entity, document: object) -> tuple[list[Any], str | None]:
    """Records and `next` link of an answer. Raises NoPage for a shape the table does not allow."""
    if isinstance(document, dict) and isinstance(document.get("results"), list):
        link = document.get("next")
        if link is None or (isinstance(link, str) and link):
            return document["results"], link
        raise no_page(entity, "its `next` is neither a link nor null")
    if isinstance(document, list) and entity.answer is not Answer.PAGE:
        return document, None
    if (
        isinstance(document, dict)
        and entity.answer is Answer.OBJECT
        and set(entity.key) <= document.keys()
    ):
        return [document], None
    raise no_page(entity, "it has no list of `results`")


def count_in(document: object) -> int | None:
    """The number of all records that a page of the first version tells; None where it does not."""
    count = document.get("count") if isinstance(document, dict) else None
    return count if type(count) is int and count >= 0 else None


def no_page(entity: Entity, why: str) -> NoPage:
    return NoPage(
        f"Ordergroove's answer for {entity.name} is no page: {why}.",
        "Check the base URL and any proxy between; if both are right, please report it.",
    )


def unpageable(entity: Entity, why: str) -> Unpageable:
    return Unpageable(
        f"Ordergroove repeats itself while listing {entity.name}: {why}.",
        "More than 1,000 records of one second can cause it; please report it to Ordergroove.",
    )


def position_lost(entity: Entity) -> PositionLost:
    return PositionLost(
        f"Ordergroove no longer takes the `next` link that it gave for {entity.name}.",
        "Run the same command again: it begins with that window anew.",
    )


def contents_of(entity: Entity, page: Page) -> int:
    """A fingerprint of keys and change stamps: two pages with the same one show the same rows."""
    fields = (*entity.key, entity.changes.stamp) if entity.changes else entity.key
    try:
        return hash(tuple(map(itemgetter(*fields), page.records)))
    except (KeyError, TypeError):
        # one is no object, lacks a field, or has an object in it
        return hash(tuple(map(partial(shown, fields=fields), page.records)))


def shown(record: Any, *, fields: Sequence[str]) -> tuple[str, ...] | None:
    """What a record shows in these fields, whatever it is; None where it can have none."""
    return tuple(str(record.get(name)) for name in fields) if isinstance(record, dict) else None
