"""The way through a list while records vanish from it: nothing that stays is passed over."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.ordergroove import client as client_module
from sources.ordergroove.client import Client, Tally
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import Unpageable
from sources.ordergroove.sandbox.paging import Walk, cut, decode, encode
from sources.ordergroove.sandbox.store import Row
from sources.ordergroove.trail import MOST_TURNS, Place, place_of

BASE = "https://sandbox.test"
ORDERS = ENTITIES["orders"]
CUTOFF = 1_000


def cursor(**parts: object) -> str:
    return base64.b64encode(urlencode(parts).encode()).decode()


def link(text: str | None) -> str:
    asked = {} if text is None else {"cursor": text}
    return f"{BASE}/orders/?{urlencode({**asked, 'page_size': 100, 'status': 5})}"


SECOND = "2024-04-10 10:21:01"


@pytest.mark.parametrize(
    ("given_link", "again", "whole"),
    [
        (cursor(o=1, p=SECOND), cursor(p=SECOND), cursor(p=SECOND)),
        (cursor(o=7, p=SECOND), cursor(o=6, p=SECOND), cursor(p=SECOND)),
        (cursor(o=1000, p=SECOND), cursor(o=999, p=SECOND), cursor(p=SECOND)),
        (cursor(o=100), cursor(o=99), None),
    ],
    ids=["one", "some", "as many as are counted", "from the beginning of the list"],
)
def test_a_link_that_counts_is_asked_one_record_earlier(
    given_link: str, again: str, whole: str | None
) -> None:
    place = place_of(link(given_link))

    assert params(place.again) == params(link(again))
    assert params(place.whole) == params(link(whole))


def params(url: str) -> dict[str, str]:
    return dict(httpx.URL(url).params)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "opaque",
        "cD0yMDI0",
        cursor(p=SECOND),
        cursor(o=0, p=SECOND),
        cursor(o=1001, p=SECOND),
        cursor(o=-1, p=SECOND),
        cursor(o="٣", p=SECOND),
        cursor(o=3, r=1, p=SECOND),
        cursor(p=SECOND, o=3),
        cursor(o="03", p=SECOND),
        cursor(o="9" * 5_000, p=SECOND),
        cursor(o=3, p=SECOND, q=1),
        cursor(o=3, p=""),
        cursor(o=3, p=SECOND).rstrip("="),
        base64.b64encode(b"o=3&o=3&p=a").decode(),
        base64.b64encode(b"\xff").decode(),
    ],
)
def test_any_other_link_is_followed_as_it_is(text: str | None) -> None:
    assert place_of(link(text)) == Place(again=link(text), whole=link(text))


class Server:
    """Orders by creation, as the web framework pages through them. `on_page` comes after each."""

    def __init__(self, seconds: list[int], *, is_descending: bool = False) -> None:
        self.rows = [
            Row(
                record={"public_id": f"{number}", "updated": SECOND},
                position=f"2025-01-01 00:00:{second:02}",
                serial=number,
                created_at=second,
                updated_at=second,
            )
            for number, second in enumerate(sorted(seconds))
        ]
        self.is_descending = is_descending
        self.on_page: Callable[[list[str]], None] = lambda shown: None
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)
        walk = Walk(rows=self.rows, is_descending=self.is_descending)
        page = cut(walk, decode(asked.pop("cursor", None), CUTOFF), int(asked["page_size"]))
        onward = None
        if page.next is not None:
            onward = f"{BASE}/orders/?{urlencode({'cursor': encode(page.next), **asked})}"
        results = [row.record for row in page.rows]
        document = {"next": onward, "previous": None, "results": results}
        self.asked += 1
        self.on_page([record["public_id"] for record in results])
        return httpx.Response(200, content=orjson.dumps(document))

    @property
    def keys(self) -> list[str]:
        return [row.record["public_id"] for row in self.rows]

    def drop(self, keys: set[str]) -> None:
        self.rows = [row for row in self.rows if row.record["public_id"] not in keys]


@contextmanager
def reading(server: Server, size: int) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_module, "PAGE_SIZE", size)
        client = Client(base_url=BASE, key="k", transport=httpx.MockTransport(server))
        yield client
        client.close()


def read(client: Client, *, resume: str | None = None) -> list[str]:
    pages = client.pages(ORDERS, params={}, resume=resume, tally=Tally())
    return [record["public_id"] for page in pages for record in page.records]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_what_stays_is_shown_whatever_vanishes_meanwhile(data: st.DataObject) -> None:
    server = Server(
        data.draw(st.lists(st.integers(0, 5), max_size=40)), is_descending=data.draw(st.booleans())
    )
    size = data.draw(st.integers(2, 9))
    vanishing = data.draw(st.lists(st.sets(st.integers(0, 39).map(str), max_size=6), max_size=12))

    def on_page(shown: list[str]) -> None:
        if vanishing:
            server.drop(vanishing.pop())

    server.on_page = on_page
    with reading(server, size) as client:
        try:
            shown = read(client)
        except Unpageable:
            # more came and went than the list can tell; the window is asked for in other parts
            return

    assert {*server.keys} - {*shown} == set()


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_list_goes_on_later_without_passing_anything_over(data: st.DataObject) -> None:
    server = Server(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=40)))
    size = data.draw(st.integers(2, 9))
    with reading(server, size) as client:
        pages = client.pages(ORDERS, params={})
        page = next(pages)
        shown = [record["public_id"] for record in page.records]
        while page.next is not None and data.draw(st.booleans()):
            page = next(pages)
            shown += [record["public_id"] for record in page.records]
        server.drop(data.draw(st.sets(st.sampled_from([*server.keys]))))
        if page.next is not None:
            shown += read(client, resume=page.next)

    assert {*server.keys} - {*shown} == set()


def test_a_link_that_an_older_release_saved_is_not_counted_from() -> None:
    server = Server([0, 1, 1, 1])
    saved = f"{BASE}/orders/?{urlencode({'cursor': cursor(o=2, p=server.rows[0].position)})}"
    server.drop({"1"})
    with reading(server, 3) as client:
        assert read(client, resume=f"{saved}&page_size=3") == ["2", "3"]


def test_where_nothing_vanishes_a_page_begins_with_one_record_of_the_last() -> None:
    server = Server([0] * 3 + [1] * 10 + [2] * 3)
    with reading(server, 5) as client:
        shown = read(client)

    assert [*dict.fromkeys(shown)] == server.keys
    # two pages end within a second, and one at its end
    assert (server.asked, len(shown)) == (4, len(server.keys) + 2)


def vanishing(server: Server, plan: dict[int, set[str]]) -> None:
    """Has records vanish after the pages of these numbers."""
    numbers = count(1)
    server.on_page = lambda shown: server.drop(plan.get(next(numbers), set()))


def test_what_vanishes_costs_one_request() -> None:
    server = Server([0, 1, 1, 1, 1, 2, 2])
    vanishing(server, {1: {"1"}})
    with reading(server, 4) as client:
        shown = read(client)

    assert shown == ["0", "1", "2", "3", "2", "3", "4", "5", "5", "6"]
    assert server.asked == 4


def test_an_empty_page_is_not_the_end_where_more_vanished_than_is_left() -> None:
    server = Server([0, 1, 1, 1, 1, 1])
    vanishing(server, {1: {"1", "2", "3"}})
    with reading(server, 4) as client:
        assert read(client) == ["0", "1", "2", "3", "4", "5"]


def test_coming_back_to_a_second_twice_is_no_loop() -> None:
    server = Server([0] + [1] * 12)
    vanishing(server, {2: {"4"}, 5: {"6"}})
    with reading(server, 4) as client:
        shown = read(client)

    assert {*server.keys} - {*shown} == set()


def test_a_second_that_never_stays_the_same_ends_the_list() -> None:
    server = Server([0] + [1] * 300)
    server.on_page = lambda shown: server.drop({*shown[1:2]})
    with (
        reading(server, 10) as client,
        pytest.raises(Unpageable, match="does not hold still"),
    ):
        read(client)

    assert server.asked == 2 * (MOST_TURNS + 1)
