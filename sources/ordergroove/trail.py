"""The way through one list, page by page: where it goes on, and what is wrong with it.

To the documentation a cursor is opaque. Its sample, though, is a query string in Base64 as the web
framework makes it whose answers Ordergroove's look like: `p` is the creation of a record in whole
seconds, and `o` counts the records created in the next one that were shown already. Counting goes
wrong when one of those vanishes before the next page is asked for: a record takes its place, and is
never shown. So a link that counts is asked one record earlier than given, and the page has to begin
with a record of the last one; where it does not, the whole second is asked for again.
Source: "Cursor Pagination"; inferred: that it is that framework, and so the meaning of `o`.
"""

import base64
import binascii
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page, contents_of, shown, unpageable

MOST_COUNTED = 1_000
"""The framework counts no further; a larger number means something else."""

MOST_TURNS = 5
"""How often records may vanish from one second while it is listed."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a list goes on, as links."""

    again: str
    """One record earlier than the server would: the last one it showed comes again."""

    whole: str
    """The beginning of the second that is being counted: nothing before it was passed over."""


def place_of(link: str) -> Place:
    """The place a `next` link leads to; the link itself twice where it does not count."""
    url = httpx.URL(link)
    count, rest = counted_in(url.params.get("cursor", ""))
    if not 0 < count <= MOST_COUNTED:
        return Place(again=link, whole=link)
    whole = at(url, rest)
    return Place(again=at(url, {"o": str(count - 1), **rest}) if count > 1 else whole, whole=whole)


def counted_in(cursor: str) -> tuple[int, dict[str, str]]:
    """How many records a cursor counts, and what else it says: a creation, or nothing.

    0 for a cursor that says anything more, or says it in other words than the framework would.
    """
    try:
        rest = dict(parse_qsl(base64.b64decode(cursor, validate=True).decode("ascii")))
        count = int(rest.pop("o", "0"))
    except (binascii.Error, ValueError):
        return 0, {}
    is_known = not rest.keys() - {"p"} and text_of({"o": str(count), **rest}) == cursor
    return (count, rest) if is_known else (0, {})


def text_of(parts: dict[str, str]) -> str:
    return base64.b64encode(urlencode(parts).encode()).decode()


def at(url: httpx.URL, parts: dict[str, str]) -> str:
    """The link with another cursor, or without one: from the beginning of the list."""
    if not parts:
        return str(url.copy_remove_param("cursor"))
    return str(url.copy_set_param("cursor", text_of(parts)))


class Trail:
    """What one list has shown so far, as much of it as the next page is judged by."""

    def __init__(self, entity: Entity, url: str) -> None:
        self._entity = entity
        self._asked = {url}
        self._contents: list[int] = []
        self._last: Sequence[Any] = ()
        self._place = Place(again=url, whole=url)
        self._turns = Counter[str]()

    def has_lost(self, page: Page) -> bool:
        """Whether records before this page can have been passed over."""
        if self._place.again == self._place.whole:
            return False
        if not page.records:
            return True
        key = self._entity.key
        first = shown(page.records[0], fields=key)
        return all(shown(record, fields=key) != first for record in reversed(self._last))

    def turn_back(self) -> str:
        """The link to ask for instead of the last one. Raises Unpageable after too many of them."""
        link = self._place.whole
        self._turns[link] += 1
        if self._turns[link] > MOST_TURNS:
            raise unpageable(self._entity, "records of one second vanish while they are listed")
        self._place = Place(again=link, whole=link)
        self._asked = {link}
        self._contents.clear()
        return link

    def add(self, page: Page, link: str | None, full: int) -> Page:
        """Takes a page and the checked link after it; `full` records make a full one.

        Returns the page with a link to go on from at any later time, when what it showed is no
        longer at hand to compare with. Raises Unpageable when links or full pages repeat.
        """
        content = contents_of(self._entity, page)
        if len(page.records) >= full and content in self._contents:
            raise unpageable(self._entity, "a full page came a second time")
        self._contents = [*self._contents[-4:], content]
        self._last = page.records
        if link is None:
            return page
        self._place = place_of(link)
        if self._place.again in self._asked:
            raise unpageable(self._entity, "a `next` link came a second time")
        self._asked.add(self._place.again)
        return replace(page, next=self._place.whole)

    @property
    def onward(self) -> str:
        """What to ask for after the page that was added last."""
        return self._place.again
