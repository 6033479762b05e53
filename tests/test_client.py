"""The client: what it asks, when it asks again, what it refuses, and where the key never goes."""

import gzip
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from tenacity import RetryCallState, Retrying

from sources.ordergroove.answers import Again, lead_of, retry_after, waits
from sources.ordergroove.client import Client, Tally
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import (
    BadRequest,
    ConfigError,
    EntityError,
    Gone,
    NoPage,
    NotFound,
    OrdergrooveError,
    PositionLost,
    Refused,
    Stopped,
    Transient,
    Unpageable,
)
from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page, document_of
from sources.ordergroove.sandbox import DEMO_KEY, Fault, RateLimit, Rules, Sandbox, World, serve
from sources.ordergroove.sandbox.transport import exchange

NOW = datetime(2025, 6, 2, 15, tzinfo=UTC)
BASE = "https://sandbox.test"
ORDERS, ITEMS, CUSTOMERS = (ENTITIES[name] for name in ("orders", "items", "customers"))
EMPTY: dict[str, Any] = {"next": None, "previous": None, "results": []}
BY_NAME = pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)

Handler = Callable[[httpx.Request], httpx.Response]
Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def past() -> World:
    """A year of forty customers, more than two pages of orders; must not be changed."""
    return World(seed=3, customers=40, now=NOW, days=365)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes clients that do not wait between tries, of a sandbox in memory or of a handler."""
    made: list[Client] = []

    def connect_to(there: Sandbox | Handler | str, **changes: Any) -> Client:
        settings: dict[str, Any] = {"key": DEMO_KEY, "back_off_s": 0, "retry_limit_s": 5}
        if isinstance(there, str):
            settings["base_url"] = there
        else:
            handler = partial(exchange, there) if isinstance(there, Sandbox) else there
            settings |= {"base_url": BASE, "transport": httpx.MockTransport(handler)}
        made.append(Client(**{**settings, **changes}))
        return made[-1]

    yield connect_to
    for client in made:
        client.close()


class Answers:
    """A server that says one thing after the other, the last one again and again."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Stopper(Tally):
    """Sets the event as soon as its object type has to wait."""

    def __init__(self, event: threading.Event) -> None:
        super().__init__()
        self.event = event

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "waiting" and value:
            self.event.set()


def read(client: Client, entity: Entity = ORDERS, **params: str) -> list[Page]:
    return list(client.pages(entity, params=params))


def records(pages: list[Page]) -> list[Any]:
    return [record for page in pages for record in page.records]


def linked(link: Any, rows: list[Any] | None = None) -> httpx.Response:
    """A page of orders with the given `next`."""
    return httpx.Response(200, json={**EMPTY, "next": link, "results": rows or []})


# what is asked


@BY_NAME
def test_every_request_carries_key_version_size_and_the_entitys_own_parameters(
    entity: Entity, past: World, connect: Connect
) -> None:
    asked: list[httpx.Request] = []
    sandbox = Sandbox(past)

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return exchange(sandbox, request)

    found = records(read(connect(handler), entity))

    assert found == past.truth(entity.name)
    for request in asked:
        assert request.headers["x-api-key"] == DEMO_KEY
        assert request.headers["X-OG-API-VERSION"] == "2"
        assert request.url.path == entity.path
        assert request.url.path.endswith("/")
        sent = dict(request.url.params)
        assert sent.items() >= {"page_size": "100", **entity.params}.items()


def test_a_list_is_read_page_by_page_to_its_end(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past)

    pages = read(connect(sandbox))

    assert len(pages) > 2
    assert [page.next is None for page in pages] == [False] * (len(pages) - 1) + [True]
    assert [call.status for call in sandbox.calls] == [200] * len(pages)


def test_the_windows_bounds_are_sent_along(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past)

    found = records(read(connect(sandbox), updated_start="2025-05-01T00:00:00"))

    assert found == [r for r in past.truth("orders") if r["updated"] >= "2025-05-01 00:00:00"]
    assert found


def test_a_list_is_counted_by_the_first_version_of_the_api(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past)
    client = connect(sandbox)
    start = "2025-01-01T00:00:00"

    counted = client.count(ORDERS, {"updated_start": start}, Tally())

    assert counted == len(records(read(client, ORDERS, updated_start=start))) > 0
    first = sandbox.calls[0]
    assert "x-og-api-version" not in first.headers
    assert dict(first.query)["page_size"] == "1"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json=EMPTY),
        httpx.Response(200, json={**EMPTY, "count": "12"}),
        httpx.Response(200, json=[]),
        httpx.Response(404),
        httpx.Response(403),
        httpx.Response(410),
    ],
)
def test_where_the_platform_does_not_count_nothing_is_told(
    answer: httpx.Response, connect: Connect
) -> None:
    assert connect(Answers(answer)).count(ORDERS, {}, Tally()) is None


@pytest.mark.parametrize(
    "link",
    [
        f"{BASE}/orders/?cursor=cD0yMDI0LTA0LTEwKzEwJTNBMjElM0EwMQ%3D%3D&page_size=100",
        f"{BASE}/orders/?z=1&cursor=a+b%20c,d:e&a=%C3%A9&empty=",
        f"{BASE}/orders/?cursor=%2525",
        "/orders/?cursor=relative",
    ],
)
def test_next_links_are_followed_verbatim(link: str, connect: Connect) -> None:
    server = Answers(linked(link), linked(None))

    read(connect(server))

    assert server.asked[1].url.raw_path.decode() == link.removeprefix(BASE)


def test_a_base_url_with_a_path_keeps_it(connect: Connect) -> None:
    server = Answers(linked(None))

    read(connect(server, base_url=f"{BASE}/through/here"))

    assert server.asked[0].url.path == "/through/here/orders/"


def test_a_resumed_list_goes_on_where_it_was(past: World, connect: Connect) -> None:
    client = connect(Sandbox(past))
    whole = read(client)

    rest = list(client.pages(ORDERS, params={}, resume=whole[0].next))

    assert records(rest) == records(whole[1:])


def test_a_page_says_when_it_was_asked_for_and_how_far_the_server_is_ahead(
    past: World, connect: Connect
) -> None:
    client = connect(Sandbox(past, rules=Rules(is_ticking=True)))
    before = client.clock.now()

    page = read(client, CUSTOMERS)[0]

    assert before <= page.fetched_at <= client.clock.now()
    assert page.server_ahead_s == pytest.approx((NOW - before).total_seconds(), abs=5)


# what is asked again


@pytest.mark.parametrize(
    "kind",
    [
        "423",
        "429",
        "500",
        "502 html",
        "503",
        "504",
        "599",
        "204",
        "empty body",
        "truncated",
        "reset",
        "timeout",
        "short body",
    ],
)
def test_what_passes_is_tried_again_and_nothing_is_missed(
    kind: str, past: World, connect: Connect
) -> None:
    faults = [Fault(kind=kind, nth=number) for number in (1, 2, 4)]
    sandbox = Sandbox(past, faults=faults)
    tally = Tally()

    pages = list(connect(sandbox).pages(ORDERS, params={}, tally=tally))

    assert records(pages) == past.truth("orders")
    assert tally == Tally(requests=len(pages) + 3, retries=3, waiting="")


@pytest.mark.parametrize("kind", ["reset", "timeout", "truncated", "short body", "503"])
def test_what_breaks_on_a_real_wire_is_tried_again(
    kind: str, past: World, connect: Connect
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind=kind, nth=2)])
    with serve(sandbox) as server:
        pages = read(connect(server.url, read_timeout_s=0.3))

    assert records(pages) == past.truth("orders")


@pytest.mark.parametrize(
    "kind", ["423", "429", "500", "503", "204", "empty body", "truncated", "reset", "timeout"]
)
def test_what_does_not_pass_ends_as_transient(kind: str, past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind=kind, from_page=2)])

    with pytest.raises(Transient, match="gave up after") as caught:
        read(connect(sandbox, retry_limit_s=0.02))

    assert "again later" in caught.value.do
    assert {call.status for call in sandbox.calls[:1]} == {200}


def test_tries_end_when_their_time_is_used_up(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="503")])

    with pytest.raises(Transient, match="gave up after 1 try"):
        read(connect(sandbox, retry_limit_s=0))

    assert len(sandbox.calls) == 1


def test_more_patience_than_allowed_is_not_waited_for(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="503", retry_after=3_600)])

    with pytest.raises(Transient, match="asked for 3,600 s of patience; gave up after 1 try"):
        read(connect(sandbox))


def test_a_host_that_never_answers_is_given_up_sooner(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="reset")])

    with pytest.raises(Transient) as caught:
        read(connect(sandbox, first_contact_limit_s=0))

    assert len(sandbox.calls) == 1
    assert "Nothing at sandbox.test has answered" in caught.value.do


def test_a_host_that_has_answered_is_given_its_time(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="reset", from_page=2, times=3)])

    assert len(records(read(connect(sandbox, first_contact_limit_s=0)))) > 200


def test_a_server_that_is_busy_from_the_start_is_given_its_time(
    past: World, connect: Connect
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="503", times=3)])

    assert len(records(read(connect(sandbox, first_contact_limit_s=0)))) > 200


@pytest.mark.parametrize(
    "kind",
    [
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadTimeout,
        httpx.WriteError,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.RemoteProtocolError,
        httpx.DecodingError,
        httpx.TooManyRedirects,
    ],
)
def test_any_trouble_of_the_wire_is_tried_again_and_named(
    kind: type[httpx.RequestError], connect: Connect
) -> None:
    client = connect(Answers(kind("the secret details")), retry_limit_s=0.02)

    with pytest.raises(Transient, match=kind.__name__) as caught:
        read(client)

    assert "secret" not in str(caught.value)


def test_a_body_that_cannot_be_decompressed_is_asked_for_again(connect: Connect) -> None:
    squeezed = {"Content-Encoding": "gzip"}
    broken = httpx.Response(200, headers=squeezed, stream=httpx.ByteStream(b"no gzip at all"))
    page = gzip.compress(b'{"next": null, "results": [{"public_id": "1"}]}')
    whole = httpx.Response(200, headers=squeezed, stream=httpx.ByteStream(page))

    assert records(read(connect(Answers(broken, whole)))) == [{"public_id": "1"}]


def test_waiting_shows_in_the_tally_with_its_reason(past: World, connect: Connect) -> None:
    stop = threading.Event()
    sandbox = Sandbox(past, faults=[Fault(kind="503", retry_after=2)])
    tally = Stopper(stop)

    with pytest.raises(Stopped):
        list(connect(sandbox, stop=stop).pages(ORDERS, params={}, tally=tally))

    assert tally.waiting == "Ordergroove answered 503"


# how long is waited


def state_after(again: Exception, tries: int) -> RetryCallState:
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = tries
    state.set_exception((type(again), again, None))
    return state


@pytest.mark.parametrize("tries", [1, 3, 50])
def test_back_off_grows_and_a_rate_limit_is_given_longer(tries: int) -> None:
    wait_for = waits(0.5)
    usual = [wait_for(state_after(Again("busy", 503), tries)) for _ in range(200)]
    limited = [wait_for(state_after(Again("limit", 429), tries)) for _ in range(200)]

    assert 0 <= min(usual) < max(usual) <= min(0.5 * 2 ** (tries - 1), 30)
    assert max(usual) < max(limited) <= min(2 * 2 ** (tries - 1), 60)


@pytest.mark.parametrize("status", [423, 429, 503])
def test_what_the_server_asks_for_is_waited_and_never_less(status: int) -> None:
    assert 7 < waits(0.5)(state_after(Again("busy", status, 7.0), 1)) < 7.5


def answer_with(**headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(503, headers=named)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Mon, 02 Jun 2025 15:00:07 GMT", 7.0),
        ("Mon, 02 Jun 2025 14:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("Mon, 99 Jun 2025 15:00:07 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_by_the_servers_own_clock(
    text: str, seconds: float | None
) -> None:
    # months away from the machine's clock, whichever that is
    answer = httpx.Response(
        503,
        headers=[
            (b"Retry-After", text.encode()),
            (b"Date", b"Mon, 02 Jun 2025 15:00:00 GMT"),
        ],
    )

    assert retry_after(answer) == seconds


def test_the_servers_lead_is_its_date_minus_ours() -> None:
    answer = answer_with(Date="Mon, 02 Jun 2025 15:00:30 GMT")

    assert lead_of(answer, NOW) == 30.0
    assert lead_of(answer_with(Date="yesterday"), NOW) is None
    assert lead_of(answer_with(), NOW) is None


# politeness


def test_the_documented_rate_limit_is_never_met(connect: Connect) -> None:
    limit = RateLimit(requests=100, per_s=1.0)
    world = World(customers=0, now=NOW, days=1, alive=False)
    sandbox = Sandbox(world, rules=Rules(limit=limit))
    client = connect(sandbox)

    def read_often(entity: Entity) -> None:
        for _ in range(60):
            read(client, entity)

    threads = [threading.Thread(target=read_often, args=(e,)) for e in (ORDERS, ITEMS, CUSTOMERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [call.status for call in sandbox.calls] == [200] * 180


@pytest.mark.parametrize("asked", [30, None])
def test_a_rate_limit_met_by_one_object_type_holds_all(
    asked: int | None, past: World, connect: Connect
) -> None:
    stop, waiting = threading.Event(), threading.Event()
    sandbox = Sandbox(past, faults=[Fault(kind="429", entity="orders", retry_after=asked)])
    client = connect(sandbox, stop=stop, retry_limit_s=10_000, back_off_s=1_000)

    def read_orders() -> None:
        with pytest.raises(Stopped):
            list(client.pages(ORDERS, params={}, tally=Stopper(waiting)))

    thread = threading.Thread(target=read_orders)
    thread.start()
    assert waiting.wait(10)
    with pytest.raises(Stopped):
        list(client.pages(ITEMS, params={}, tally=Stopper(stop)))
    thread.join()

    assert {call.entity for call in sandbox.calls} == {"orders"}


@pytest.mark.parametrize("kind", ["429", "503"])
def test_a_stop_ends_a_long_wait_at_once(kind: str, past: World, connect: Connect) -> None:
    stop = threading.Event()
    sandbox = Sandbox(past, faults=[Fault(kind=kind, retry_after=1_000)])
    client = connect(sandbox, stop=stop, retry_limit_s=10_000)

    with pytest.raises(Stopped):
        list(client.pages(ORDERS, params={}, tally=Stopper(stop)))

    assert len(sandbox.calls) == 1


def test_nothing_is_asked_after_a_stop(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past)
    client = connect(sandbox)
    pages = client.pages(ORDERS, params={})
    next(pages)
    client.stop.set()

    with pytest.raises(Stopped):
        next(pages)

    assert len(sandbox.calls) == 1


# what is refused at once


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("400", BadRequest, "page_size=100"),
        ("401", Refused, "ORDERGROOVE_API_KEY"),
        ("403", Refused, "Bulk Operations permission"),
        ("404", NotFound, "environment"),
        ("410", Gone, "base URL"),
        ("207", NoPage, "proxy"),
        ("418", NoPage, "proxy"),
        ("302", NoPage, "redirect"),
        ("detail", NoPage, "no list of `results`"),
        ("not json", NoPage, "no list of `results`"),
        ("bare list", NoPage, "no list of `results`"),
        ("null results", NoPage, "no list of `results`"),
        ("no results", NoPage, "no list of `results`"),
        ("single object", NoPage, "no list of `results`"),
    ],
)
def test_what_will_not_pass_fails_at_once_and_says_what_to_do(
    kind: str, error: type[EntityError], says: str, past: World, connect: Connect
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind=kind, entity="orders")])

    with pytest.raises(error) as caught:
        read(connect(sandbox))

    assert type(caught.value) is error
    assert says in str(caught.value)
    assert caught.value.do
    assert DEMO_KEY not in str(caught.value)
    assert len(sandbox.calls) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_refused_and_never_shown(status: int, past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, rules=Rules(refusal_status=status))

    with pytest.raises(Refused) as caught:
        read(connect(sandbox, key="mistyped-key"))

    assert caught.value.status == status
    assert "mistyped-key" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("link", [7, "", True, {"url": "x"}, ["x"]])
def test_a_next_that_is_no_link_is_no_page(link: Any, connect: Connect) -> None:
    with pytest.raises(NoPage, match="neither a link nor null"):
        read(connect(Answers(linked(link))))


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_a_redirect_is_never_followed(status: str, past: World, connect: Connect) -> None:
    with serve(Sandbox(past)) as other:
        sandbox = Sandbox(past, faults=[Fault(kind=status, url=f"{other.url}/orders/")])
        with serve(sandbox) as server, pytest.raises(NoPage, match="redirect"):
            read(connect(server.url))
        assert other.sandbox.calls == []


def test_a_redirect_to_nowhere_is_a_message_too(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="302", url="http://[:::")])

    with pytest.raises(OrdergrooveError):
        read(connect(sandbox, retry_limit_s=0))


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://elsewhere.example/orders/?cursor=x",
        "http://sandbox.test/orders/?cursor=x",
        "https://sandbox.test:8443/orders/?cursor=x",
        "https://sandbox.test.elsewhere.example/orders/",
        "https://sandbox.test@elsewhere.example/orders/",
        "https://user:pass@sandbox.test/orders/",
        "//elsewhere.example/orders/",
        "ftp://sandbox.test/orders/",
        "file:///etc/hosts",
        "http://[::1",
        "https://sandbox.test:port/orders/",
        "https://sandbox.test/\x00",
    ],
)
def test_a_link_that_leads_elsewhere_never_gets_the_key(elsewhere: str, connect: Connect) -> None:
    server = Answers(linked(elsewhere))

    with pytest.raises(EntityError, match="another address") as caught:
        read(connect(server))

    assert len(server.asked) == 1
    assert "cursor" not in str(caught.value)


def test_a_saved_link_that_leads_elsewhere_never_gets_the_key(connect: Connect) -> None:
    server = Answers(linked(None))
    saved = "https://elsewhere.example/orders/?cursor=x"

    with pytest.raises(EntityError, match="another address"):
        list(connect(server).pages(ORDERS, params={}, resume=saved))

    assert server.asked == []


def test_the_default_port_is_the_same_address(connect: Connect) -> None:
    server = Answers(linked("https://SANDBOX.test:443/orders/?cursor=x"), linked(None))

    assert len(read(connect(server))) == 2


@pytest.mark.parametrize("status", ["400", "404", "410"])
def test_a_link_that_is_not_taken_back_is_a_lost_position(
    status: str, past: World, connect: Connect
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="expired cursor", value=int(status))])

    with pytest.raises(PositionLost, match="no longer takes"):
        read(connect(sandbox))

    assert len(sandbox.calls) == 2


# endless lists


def test_a_next_link_that_repeats_stops_the_list(past: World, connect: Connect) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="repeat next", entity="customers")])

    with pytest.raises(Unpageable, match="`next` link came a second time"):
        read(connect(sandbox), CUSTOMERS)

    assert len(sandbox.calls) == 2


def test_a_saved_link_that_leads_to_itself_stops_the_list(connect: Connect) -> None:
    link = f"{BASE}/orders/?cursor=x"
    server = Answers(linked(link))

    with pytest.raises(Unpageable):
        list(connect(server).pages(ORDERS, params={}, resume=link))

    assert len(server.asked) == 1


def test_a_full_page_that_comes_again_stops_the_list(connect: Connect) -> None:
    rows = [{"public_id": str(number), "updated": "2025-01-01 00:00:00"} for number in range(100)]
    pages = [linked(f"{BASE}/orders/?cursor={number}", rows) for number in range(2)]

    with pytest.raises(Unpageable, match="full page came a second time"):
        read(connect(Answers(*pages)))


def test_the_same_keys_with_new_stamps_are_no_repetition(connect: Connect) -> None:
    def page(minute: int, link: str | None) -> httpx.Response:
        stamp = f"2025-01-01 00:{minute:02}:00"
        return linked(link, [{"public_id": str(n), "updated": stamp} for n in range(100)])

    server = Answers(page(1, f"{BASE}/orders/?cursor=2"), page(2, None))

    assert len(read(connect(server))) == 2


# single objects


def test_a_single_object_is_a_page_of_one_record(past: World, connect: Connect) -> None:
    order = past.truth("orders")[0]

    page = connect(Sandbox(past)).single(ORDERS, order["public_id"], Tally())

    assert page is not None
    assert [record["public_id"] for record in page.records] == [order["public_id"]]
    assert page.next is None


def test_a_single_object_shows_what_its_list_shows(past: World, connect: Connect) -> None:
    client = connect(Sandbox(past))
    listed = next(client.pages(ORDERS, params={})).records[0]

    page = client.single(ORDERS, listed["public_id"], Tally())

    assert page is not None
    assert page.records == [listed]
    assert "has_plan" in listed


def test_a_single_object_that_is_not_there_is_none(past: World, connect: Connect) -> None:
    assert connect(Sandbox(past)).single(ORDERS, "0" * 32, Tally()) is None


def test_a_key_cannot_lead_to_another_path(connect: Connect) -> None:
    server = Answers(httpx.Response(404))

    connect(server).single(CUSTOMERS, "../orders/?x=1#é", Tally())

    assert server.asked[0].url.raw_path == b"/customers/..%2Forders%2F%3Fx%3D1%23%C3%A9/"


@pytest.mark.parametrize(
    ("kind", "error"), [("410", Gone), ("403", Refused), ("400", BadRequest), ("302", NoPage)]
)
def test_only_a_404_says_that_an_object_is_not_there(
    kind: str, error: type[EntityError], past: World, connect: Connect
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind=kind, where="single")])

    with pytest.raises(error) as caught:
        connect(sandbox).single(CUSTOMERS, "00000004", Tally())

    # the shop's own id of a person
    assert "00000004" not in str(caught.value)


def test_an_object_that_is_none_is_no_page(connect: Connect) -> None:
    with pytest.raises(NoPage, match="no object"):
        connect(Answers(httpx.Response(200, json=[]))).single(ORDERS, "x", Tally())


# settings that no request can be made with


@pytest.mark.parametrize(
    "url",
    ["", "restapi.ordergroove.com", "ftp://sandbox.test", "https://", "https://\n"],
)
def test_a_base_url_that_is_none_is_a_message(url: str) -> None:
    with pytest.raises(ConfigError, match="base URL"):
        Client(base_url=url, key=DEMO_KEY)


@pytest.mark.parametrize("key", ["", " ", "two words\n", "\tx", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_a_message_without_it(key: str) -> None:
    with pytest.raises(ConfigError, match="API key") as caught:
        Client(base_url=BASE, key=key)

    assert repr(key)[1:-1] not in str(caught.value) or not key.strip()


@pytest.mark.parametrize("kind", [httpx.UnsupportedProtocol, httpx.LocalProtocolError])
def test_a_request_that_cannot_be_made_is_not_tried_again(
    kind: type[httpx.RequestError], connect: Connect
) -> None:
    server = Answers(kind(f"bad header {DEMO_KEY}"))

    with pytest.raises(ConfigError, match="No request") as caught:
        read(connect(server))

    assert len(server.asked) == 1
    assert DEMO_KEY not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_not_tried_again(connect: Connect) -> None:
    trouble = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    trouble.__cause__ = OSError()
    trouble.__cause__.__context__ = ssl.SSLCertVerificationError()
    server = Answers(trouble)

    with pytest.raises(ConfigError, match=r"certificate of sandbox\.test is not trusted"):
        read(connect(server))

    assert len(server.asked) == 1


# bodies and logs


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b' {"a": 1}', {"a": 1}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
        (b"<html>", None),
        (b"null", None),
        (b"[" * 100_000 + b"]" * 100_000, None),
    ],
    ids=["object", "lone surrogate", "html", "null", "too deep"],
)
def test_a_body_is_read_as_json_or_not_at_all(body: bytes, document: object) -> None:
    assert document_of(body) == document


@pytest.mark.parametrize("body", [b"", b" \n", b'{"a": [1, 2', b'{"a": "b', b'{"a": 1} x'])
def test_a_body_that_is_not_whole_is_never_taken_for_one(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        document_of(body)


@pytest.mark.parametrize("kind", ["400", "503", "truncated", "not json", "expired cursor", "302"])
def test_logs_and_errors_hold_neither_key_nor_cursor_nor_data(
    kind: str, past: World, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fault = Fault(kind=kind, from_page=2, url="https://elsewhere.example/?token=s3cret")
    with serve(Sandbox(past, faults=[fault])) as server, pytest.raises(OrdergrooveError) as caught:
        read(connect(server.url, retry_limit_s=0.02))

    told = caplog.text + str(caught.value) + repr(caught.value)
    assert "page of 100 records" in caplog.text
    order = past.truth("orders")[0]
    for secret in (DEMO_KEY, "cursor=", "s3cret", order["public_id"], order["customer"]):
        assert secret not in told
