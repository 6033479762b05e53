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
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from sources.ordergroove.errors import Unpageable
from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page, contents_of, shown, unpageable

CURSOR = re.compile(r"(?<=[?&])cursor=([^&#]*)(&?)")
COUNTED = re.compile(rb"o=([1-9]\d{,2}|1000)(?:&(p=[^&]+))?")
"""The framework counts to 1,000; a larger number means something else."""

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
    found = CURSOR.search(link)
    counted = counted_in(unquote_plus(found[1])) if found else None
    if found is None or counted is None:
        return Place(again=link, whole=link)
    count, rest = int(counted[1]), counted[2] or b""

    def with_cursor(said: bytes) -> str:
        # without one a list begins at its beginning
        cursor = f"cursor={quote_plus(base64.b64encode(said))}{found[2]}" if said else ""
        return link[: found.start()] + cursor + link[found.end() :]

    whole = with_cursor(rest)
    again = with_cursor(b"&".join(filter(None, (b"o=%d" % (count - 1), rest))))
    return Place(again=again if count > 1 else whole, whole=whole)


def counted_in(cursor: str) -> re.Match[bytes] | None:
    """What a cursor says, where it is a count, alone or with a creation."""
    try:
        said = base64.b64decode(cursor, validate=True)
    except ValueError:
        return None
    return COUNTED.fullmatch(said)


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
            raise Unpageable(
                f"Ordergroove's list of {self._entity.name} does not hold still: records of one"
                f" second vanished {MOST_TURNS + 1} times while that second was listed.",
                "Run the same command again when less is going on.",
            )
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
