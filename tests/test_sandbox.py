"""The sandbox API: pages, filters, refusals and faults, in memory and over loopback."""

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Answer as Shape
from sources.ordergroove.model import Entity
from sources.ordergroove.sandbox import (
    DEMO_KEY,
    Delivery,
    Fault,
    Faults,
    Key,
    RateLimit,
    Rules,
    Sandbox,
    WithoutBulk,
    World,
    bulk_world,
    serve,
)
from sources.ordergroove.sandbox.faults import KINDS
from sources.ordergroove.sandbox.paging import START, Walk, cut, decode, encode
from sources.ordergroove.sandbox.spoiling import DRIFTS, PAGES
from sources.ordergroove.sandbox.store import Record, Row

NOW = datetime(2025, 6, 2, 15, tzinfo=UTC)
HEADERS = {"x-api-key": DEMO_KEY, "X-OG-API-VERSION": "2"}
BY_NAME = pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)


@pytest.fixture(scope="module")
def past() -> World:
    """A year of twenty customers; tests that share it must not change it."""
    return World(seed=3, customers=20, now=NOW, days=365)


@pytest.fixture
def world() -> World:
    return World(customers=0, now=NOW, days=1, alive=False)


def client(sandbox: Sandbox, **headers: str) -> httpx.Client:
    return httpx.Client(
        transport=httpx.MockTransport(sandbox.handle),
        base_url="https://sandbox.test",
        headers=HEADERS | headers,
    )


def get(sandbox: Sandbox, path: str, **params: str) -> Any:
    return client(sandbox).get(path, params=params).raise_for_status().json()


def pages(sandbox: Sandbox, entity: Entity, **params: str) -> Iterator[list[Record]]:
    url: str | None = str(httpx.URL(entity.path, params={**entity.params, **params}))
    reader = client(sandbox)
    while url:
        page = reader.get(url).raise_for_status().json()
        yield page["results"]
        url = page["next"]


def walked(sandbox: Sandbox, entity: Entity, **params: str) -> list[Record]:
    return [record for page in pages(sandbox, entity, **params) for record in page]


@BY_NAME
def test_following_next_shows_every_record_exactly_once(entity: Entity, past: World) -> None:
    assert walked(Sandbox(past), entity, page_size="100") == past.truth(entity.name)


@pytest.mark.parametrize("size", ["1", "2", "7", "10", "99"])
def test_the_size_of_pages_does_not_change_what_is_shown(size: str, past: World) -> None:
    found = [*pages(Sandbox(past), ENTITIES["items"], page_size=size)]
    assert [*chain(*found)] == past.truth("items")
    assert {len(page) for page in found[:-1]} == {int(size)}


@pytest.mark.parametrize(("asked", "given"), [(None, 10), ("1000", 100), ("0", 10), ("many", 10)])
def test_page_size_is_clamped(asked: str | None, given: int, past: World) -> None:
    params = {} if asked is None else {"page_size": asked}
    assert len(get(Sandbox(past), "/items/", **params)["results"]) == given


def test_the_newest_can_come_first(past: World) -> None:
    sandbox = Sandbox(past, rules=Rules(newest_first=True))
    assert walked(sandbox, ENTITIES["orders"], page_size="7") == past.truth("orders")[::-1]


def test_previous_leads_back_to_the_first_page(past: World) -> None:
    sandbox = Sandbox(past)
    found = [*pages(sandbox, ENTITIES["orders"], page_size="50")]
    page = get(sandbox, "/orders/", page_size="50", include_has_plan="true")
    while page["next"]:
        page = client(sandbox).get(page["next"]).json()
    back = [page["results"]]
    while page["previous"]:
        page = client(sandbox).get(page["previous"]).json()
        back.append(page["results"])
    assert [*chain(*back[::-1])] == [*chain(*found)]


def row(position: str, serial: int) -> Row:
    return Row(record={}, position=position, serial=serial, created_at=0, updated_at=0)


@settings(max_examples=60, deadline=None)
@given(
    positions=st.lists(st.sampled_from("abcd"), max_size=40),
    size=st.integers(1, 9),
    is_descending=st.booleans(),
)
def test_cursors_tell_rows_of_one_second_apart(
    positions: list[str], size: int, *, is_descending: bool
) -> None:
    rows = [row(position, serial) for serial, position in enumerate(sorted(positions))]
    walk = Walk(rows=rows, is_descending=is_descending)
    seen: list[Row] = []
    page = cut(walk, START, size)
    while True:
        seen += page.rows
        if page.next is None:
            break
        page = cut(walk, decode(encode(page.next), 1_000), size)
    assert seen == (rows[::-1] if is_descending else rows)
    back = [*page.rows]
    while page.previous is not None:
        page = cut(walk, decode(encode(page.previous), 1_000), size)
        back = [*page.rows, *back]
    assert back == seen


def test_more_rows_of_one_second_than_a_cursor_counts_make_next_repeat() -> None:
    rows = [row("2025-01-01 00:00:00", serial) for serial in range(40)]
    walk = Walk(rows=rows, is_descending=False)
    page = cut(walk, START, 10)
    for _ in range(5):
        assert page.next is not None
        page = cut(walk, decode(encode(page.next), 20), 10)
    assert page.next == cut(walk, decode(encode(page.next), 20), 10).next  # type: ignore[arg-type]
    assert cut(walk, decode(encode(page.next), None), 10).next is None  # type: ignore[arg-type]


def test_next_keeps_the_filters_in_alphabetical_order_and_the_clients_host(past: World) -> None:
    link = get(Sandbox(past), "/orders/", status="5", page_size="3", created_start="2024-01-01")
    assert link["previous"] is None
    url = httpx.URL(link["next"])
    assert (url.scheme, url.host, url.path) == ("https", "sandbox.test", "/orders/")
    assert [*url.params] == ["created_start", "cursor", "page_size", "status"]


def test_without_the_version_header_pages_are_numbered_and_counted(past: World) -> None:
    sandbox = Sandbox(past)
    old = {"x-api-key": DEMO_KEY}
    first = orjson.loads(sandbox.respond("GET", "/orders/", "page_size=4", old).body)
    assert first["count"] == len(past.truth("orders"))
    assert "page=2" in first["next"]
    assert first["previous"] is None
    second = orjson.loads(sandbox.respond("GET", "/orders/", "page_size=4&page=2", old).body)
    assert second["results"][0]["public_id"] == past.truth("orders")[4]["public_id"]
    late = sandbox.respond("GET", "/orders/", "page=9999", old)
    assert (late.status, late.body) == (404, b'{"detail":"Invalid page."}')


@pytest.mark.parametrize("name", [name for name in ENTITIES if ENTITIES[name].changes])
def test_both_edges_of_a_window_belong_to_it(name: str, past: World) -> None:
    entity = ENTITIES[name]
    assert entity.changes
    stamps = sorted(record[entity.changes.stamp] for record in past.truth(name))
    low, high = stamps[len(stamps) // 4], stamps[len(stamps) // 2]
    params = {entity.changes.start: low.replace(" ", "T"), entity.changes.end: high}
    shown = walked(Sandbox(past), entity, page_size="100", **params)
    expected = [
        record for record in past.truth(name) if low <= record[entity.changes.stamp] <= high
    ]
    assert shown == expected
    assert len(expected) > 1


def test_a_bare_date_is_its_midnight(past: World) -> None:
    sandbox = Sandbox(past)
    orders = ENTITIES["orders"]
    day = walked(sandbox, orders, updated_start="2025-05-05", page_size="100")
    assert day == walked(sandbox, orders, updated_start="2025-05-05T00:00:00", page_size="100")


def test_an_exact_date_means_the_whole_day(past: World) -> None:
    day = past.truth("orders")[5]["updated"][:10]
    shown = walked(Sandbox(past), ENTITIES["orders"], updated=day)
    assert shown == [record for record in past.truth("orders") if record["updated"][:10] == day]


@pytest.mark.parametrize(
    ("name", "params", "holds"),
    [
        ("orders", {"status": "5"}, lambda r: r["status"] == 5),
        ("orders", {"customer": "00000004"}, lambda r: r["customer"] == "00000004"),
        ("orders", {"place_end": "2025-01-31"}, lambda r: r["place"][:10] <= "2025-01-31"),
        ("subscriptions", {"live": "false"}, lambda r: not r["live"]),
        ("subscriptions", {"live": "True,false"}, lambda r: True),
        ("items", {"one_time": "true"}, lambda r: r["one_time"]),
        ("customers", {"email": "customer00000004@mail.example"}, lambda r: "0004@" in r["email"]),
        ("addresses", {"customer": "00000004"}, lambda r: r["customer"] == "00000004"),
        ("payments", {"customer": "00000004"}, lambda r: r["customer"] == "00000004"),
        ("products", {"group_name": "tea"}, lambda r: "tea" in str(r["groups"])),
        ("products", {"live": "true"}, lambda r: r["live"]),
        ("cancel_reasons", {"application": "msi"}, lambda r: r["application"] == "msi"),
    ],
)
def test_documented_filters_filter(
    name: str, params: dict[str, str], holds: Any, past: World
) -> None:
    shown = walked(Sandbox(past), ENTITIES[name], page_size="100", **params)
    assert shown == [record for record in past.truth(name) if holds(record)]
    assert shown


def test_items_are_found_by_their_orders_status_and_place(past: World) -> None:
    orders = {record["public_id"]: record for record in past.truth("orders")}
    shown = walked(Sandbox(past), ENTITIES["items"], status="1", place_start="2025-06-10")
    assert [item["public_id"] for item in shown] == [
        item["public_id"]
        for item in past.truth("items")
        if orders[item["order"]]["status"] == 1 and orders[item["order"]]["place"] >= "2025-06-10"
    ]


def test_orders_are_found_by_the_subscriptions_in_them(past: World) -> None:
    item = next(record for record in past.truth("items") if record["subscription"])
    shown = walked(Sandbox(past), ENTITIES["orders"], subscription=item["subscription"])
    assert item["order"] in {record["public_id"] for record in shown}


def test_incentives_of_items_are_hidden_when_an_order_is_asked_for(world: World) -> None:
    subscription = world.subscribe(world.create_customer())
    order = world.next_order(subscription)
    own = world.grant(order)
    of_item = world.grant(order, world.items_of(subscription)[0])
    sandbox = Sandbox(world)
    incentives = ENTITIES["one_time_incentives"]
    assert [r["public_id"] for r in walked(sandbox, incentives, order=order)] == [own]
    both = walked(sandbox, incentives, order=order, include_item_level="true")
    assert [r["public_id"] for r in both] == [own, of_item]


def test_defaults_hide_products_and_archived_profiles(past: World) -> None:
    sandbox = Sandbox(past)
    products = get(sandbox, "/products/", page_size="100")["results"]
    assert all(record["autoship_enabled"] for record in products)
    assert len(products) < len(past.truth("products"))
    profiles = get(sandbox, "/offer_profiles/")["results"]
    assert {record["status"] for record in profiles} == {"available"}
    archived = get(sandbox, "/offer_profiles/", status="archived")["results"]
    assert {record["status"] for record in archived} == {"archived"}


def test_discontinued_products_show_on_request_only(world: World) -> None:
    world.edit("products", "0070000002", discontinued=True)
    sandbox = Sandbox(world)
    wanted = {"external_product_ids[]": "0070000002"}
    assert not get(sandbox, "/products/", **wanted)["results"]
    assert get(sandbox, "/products/", allow_discontinued="true", **wanted)["results"]
    strict = get(sandbox, "/products/", allow_discontinued="strict")["results"]
    assert [record["external_product_id"] for record in strict] == ["0070000002"]


def test_some_fields_must_be_asked_for(past: World) -> None:
    sandbox = Sandbox(past)
    assert "has_plan" not in get(sandbox, "/orders/")["results"][0]
    assert "has_plan" in get(sandbox, "/orders/", include_has_plan="true")["results"][0]
    assert "product_selection_rules" not in get(sandbox, "/products/")["results"][0]
    lean = get(sandbox, "/items/", omit_price_calculation="true")["results"][0]
    assert not {"price", "total_price", "order_updated"} & set(lean)
    coupon = get(sandbox, "/offer_profiles/")["results"][0]["recurring_coupon"]
    assert "standard_flex_incentives" not in coupon


@pytest.mark.parametrize(
    ("path", "query", "status", "body"),
    [
        ("/orders/", "updated_start=2017-02-29", 400, b"updated_start"),
        ("/orders/", "updated_start=2025-06-02T10:00:00Z", 400, b"updated_start"),
        ("/orders/", "place=soon", 400, b"place"),
        ("/orders/", "status=five", 400, b"status"),
        ("/items/", "order_updated_end=2020-06-13T014:16:57", 400, b"order_updated_end"),
        ("/subscriptions/", "live=maybe", 400, b"live"),
        ("/orders/", "cursor=nonsense", 404, b'{"detail":"Invalid cursor"}'),
        ("/orders/", "cursor=bz0tMQ%3D%3D", 404, b'{"detail":"Invalid cursor"}'),
        ("/orders", "", 404, b"detail"),
        ("/nothing/", "", 404, b"detail"),
        ("/orders/unknown/", "", 404, b'{"detail":"Unable to find requested asset."}'),
    ],
)
def test_what_can_not_be_answered_is_refused(
    path: str, query: str, status: int, body: bytes, past: World
) -> None:
    answer = Sandbox(past).respond("GET", path, query, HEADERS)
    assert answer.status == status
    assert body in answer.body


@pytest.mark.parametrize("name", [name for name in ENTITIES if ENTITIES[name].single])
def test_a_single_object_looks_like_its_row_in_the_list(name: str, past: World) -> None:
    entity = ENTITIES[name]
    record = past.truth(name)[0]
    assert entity.single
    path = entity.single.format(key=record[entity.key[0]])
    assert get(Sandbox(past), path, **entity.params) == record


def test_only_reading_is_possible(past: World) -> None:
    assert Sandbox(past).respond("DELETE", "/orders/", "", HEADERS).status == 405


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_sees_nothing(headers: dict[str, str], status: int, past: World) -> None:
    sandbox = Sandbox(past, rules=Rules(refusal_status=status))
    answer = sandbox.respond("GET", "/orders/", "", headers)
    assert (answer.status, answer.body) == (status, b'{"detail":"Authentication Failed"}')


@pytest.mark.parametrize("behaviour", WithoutBulk)
def test_what_a_key_without_bulk_permission_sees_is_a_switch(
    behaviour: WithoutBulk, past: World
) -> None:
    sandbox = Sandbox(past, keys={DEMO_KEY: Key(bulk=False)}, rules=Rules(without_bulk=behaviour))
    response = client(sandbox).get("/orders/", params={"page_size": "100"})
    if behaviour is WithoutBulk.FORBIDDEN:
        assert response.status_code == 403
    else:
        shown = {record["customer"] for record in response.json()["results"]}
        assert shown == (set() if behaviour is WithoutBulk.EMPTY else {"00000001"})
    assert get(sandbox, "/orders/", customer="00000004")["results"]
    assert get(sandbox, "/products/")["results"]


@pytest.mark.parametrize(
    ("limit", "header"),
    [
        (RateLimit(requests=2, per_s=1), None),
        (RateLimit(requests=2, per_s=1, retry_after_s=3), "3"),
        (
            RateLimit(requests=2, per_s=1, retry_after_s=3, as_date=True),
            "Mon, 02 Jun 2025 15:00:03 GMT",
        ),
    ],
)
def test_too_many_requests_are_refused_until_time_has_passed(
    limit: RateLimit, header: str | None, past: World
) -> None:
    moments = [0.0]
    sandbox = Sandbox(past, rules=Rules(limit=limit), monotonic=lambda: moments[0])
    answers = [sandbox.respond("GET", "/orders/", "", HEADERS) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[-1].headers.get("Retry-After") == header
    assert sandbox.calls[-1].retry_after == header
    moments[0] = 1.0
    assert sandbox.respond("GET", "/orders/", "", HEADERS).status == 200


def test_the_date_is_the_worlds_clock_and_its_skew(past: World) -> None:
    answer = Sandbox(past, rules=Rules(skew_s=90)).respond("GET", "/orders/", "", HEADERS)
    assert answer.headers["Date"] == "Mon, 02 Jun 2025 15:01:30 GMT"


def test_a_ticking_date_goes_on_with_the_machine(past: World) -> None:
    moments = [100.0]
    sandbox = Sandbox(past, rules=Rules(is_ticking=True), monotonic=lambda: moments[0])
    moments[0] = 160.0
    answer = sandbox.respond("GET", "/orders/", "", HEADERS)
    assert parsedate_to_datetime(answer.headers["Date"]) == NOW.replace(minute=1)


@pytest.mark.parametrize(("shape", "kind"), [(Shape.LIST, list), (Shape.OBJECT, dict)])
def test_small_lists_can_come_without_an_envelope(shape: Shape, kind: type, past: World) -> None:
    sandbox = Sandbox(past, rules=Rules(shapes={"cancel_reasons": shape}))
    content = get(sandbox, "/merchant/cancel_reason/")
    assert type(content) is kind
    assert "results" in get(sandbox, "/product_groups/")


def test_every_request_is_recorded_without_its_key(past: World) -> None:
    sandbox = Sandbox(past)
    get(sandbox, "/orders/", status="1")
    get(sandbox, "/customers/00000004/")
    listed, single = sandbox.calls
    assert (listed.entity, listed.is_list, listed.query) == ("orders", True, (("status", "1"),))
    assert (single.entity, single.path_key, single.status) == ("customers", "00000004", 200)
    assert listed.started <= listed.ended <= single.started
    assert DEMO_KEY not in repr(sandbox.calls)


def test_the_world_can_change_while_a_client_is_paging() -> None:
    world = World(seed=3, customers=20, now=NOW, days=365)
    gone = world.truth("orders")[15]["public_id"]
    sandbox = Sandbox(
        world,
        on_page=lambda books, call: books.find("orders", gone) and books.erase("orders", gone),
    )
    shown = [record["public_id"] for record in walked(sandbox, ENTITIES["orders"])]
    assert gone not in shown
    assert shown == [record["public_id"] for record in world.truth("orders")]


def test_an_edit_shows_in_a_list_that_was_filtered_before(world: World) -> None:
    order = world.next_order(world.subscribe(world.create_customer()))
    sandbox = Sandbox(world)
    assert get(sandbox, "/orders/", status="1")["results"]
    world.edit("orders", order, status=42)
    assert not get(sandbox, "/orders/", status="1")["results"]


def test_remembered_pages_are_forgotten_when_the_world_changes(world: World) -> None:
    sandbox = Sandbox(world, cache_mb=1)
    assert get(sandbox, "/customers/")["results"] == []
    customer = world.create_customer()
    assert get(sandbox, "/customers/")["results"][0]["merchant_user_id"] == customer
    assert get(sandbox, "/customers/") == get(sandbox, "/customers/")


def spoilt(past: World, fault: Fault | Faults, path: str = "/orders/") -> Any:
    return Sandbox(past, faults=[fault] if isinstance(fault, Fault) else fault).respond(
        "GET", path, "page_size=5", HEADERS
    )


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="truncated"):
        Fault(kind="bad luck")
    with pytest.raises(ValueError, match="single"):
        Fault(kind="503", where="everywhere")


@pytest.mark.parametrize("kind", ["400", "403", "410", "423", "429", "500", "503", "504", "599"])
def test_a_fault_can_be_any_status(kind: str, past: World) -> None:
    answer = spoilt(past, Fault(kind=kind, retry_after=7))
    assert (answer.status, answer.headers["Retry-After"]) == (int(kind), "7")
    dated = spoilt(past, Fault(kind=kind, retry_after=7, retry_after_as_date=True))
    assert dated.headers["Retry-After"] == "Mon, 02 Jun 2025 15:00:07 GMT"


def test_faults_of_whole_answers(past: World) -> None:
    whole = Sandbox(past).respond("GET", "/orders/", "page_size=5", HEADERS)
    assert spoilt(past, Fault(kind="502 html")).headers["Content-Type"] == "text/html"
    assert spoilt(past, Fault(kind="204")).body == b""
    assert spoilt(past, Fault(kind="302")).headers["Location"] == "https://elsewhere.example"
    assert spoilt(past, Fault(kind="not json")).status == 200
    assert spoilt(past, Fault(kind="empty body")).body == b""
    assert orjson.loads(spoilt(past, Fault(kind="detail")).body).keys() == {"detail"}
    assert whole.body.startswith(spoilt(past, Fault(kind="truncated")).body)
    assert spoilt(past, Fault(kind="slow", seconds=2)).delay_s == 2
    assert spoilt(past, Fault(kind="reset")).delivery is Delivery.RESET
    assert spoilt(past, Fault(kind="timeout")).delivery is Delivery.NEVER
    assert spoilt(past, Fault(kind="short body")).delivery is Delivery.SHORT


def test_faults_of_pages(past: World) -> None:
    def page(kind: str, **fields: Any) -> Any:
        return orjson.loads(spoilt(past, Fault(kind=kind, **fields)).body)

    own = "https://sandbox.test/orders/?page_size=5"
    assert page("repeat next")["next"] == own
    assert page("next elsewhere")["next"].startswith("https://elsewhere.example/orders/?cursor=")
    other = page("next elsewhere", url="http://sandbox.test:8080")["next"]
    assert other.startswith("http://sandbox.test:8080/orders/")
    assert "count" in page("v1 envelope")
    assert len(page("bare list")) == 5
    assert page("null results")["results"] is None
    assert "results" not in page("no results")
    assert "public_id" in page("single object")
    assert "public_id" not in page("drop")["results"][0]
    assert page("odd record", value="text")["results"][0] == "text"
    assert page("set", field="total", value=1.5, row=None)["results"][4]["total"] == 1.5


@pytest.mark.parametrize("kind", DRIFTS)
def test_values_can_drift(kind: str, past: World) -> None:
    drift = DRIFTS[kind]
    answer = spoilt(past, Fault(kind=kind), ENTITIES[drift.entity].path)
    # orjson refuses what some of these say, as a strict client would
    record = httpx.Response(200, content=answer.body).json()["results"][0]
    assert record[drift.field] == drift.value
    others = "/items/" if drift.entity != "items" else "/orders/"
    assert spoilt(past, Fault(kind=kind), others) == spoilt(past, Faults(rate=0), others)


def test_single_objects_drift_too(past: World) -> None:
    key = past.truth("orders")[0]["public_id"]
    answer = spoilt(past, Fault(kind="unknown status", where="single"), f"/orders/{key}/")
    assert orjson.loads(answer.body)["status"] == 42


def test_a_duplicate_repeats_the_last_record_of_the_page_before(past: World) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="duplicate", entity="orders", nth=2)])
    found = [*pages(sandbox, ENTITIES["orders"])]
    assert found[1][0] == found[0][-1]


def test_a_server_can_ignore_the_filter(past: World) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="ignore filter")])
    shown = walked(sandbox, ENTITIES["orders"], updated_start="2030-01-01", page_size="100")
    assert shown == past.truth("orders")


def test_cursors_can_expire(past: World) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="expired cursor", value=410)])
    page = get(sandbox, "/orders/")
    assert client(sandbox).get(page["next"]).status_code == 410


@pytest.mark.parametrize(
    ("choice", "struck"),
    [
        ({"nth": 3}, [3]),
        ({"every": 2}, [2, 4, 6]),
        ({"from_page": 5}, [5, 6]),
        ({"times": 2}, [1, 2]),
        ({"from_page": 2, "times": 1}, [2]),
        ({"entity": "items"}, []),
        ({"where": "single"}, []),
    ],
)
def test_a_fault_strikes_the_requests_it_chose(
    choice: dict[str, Any], struck: list[int], past: World
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="503", **choice)])
    found = [sandbox.respond("GET", "/orders/", "", HEADERS).status for _ in range(6)]
    assert [number for number, status in enumerate(found, 1) if status == 503] == struck


def test_random_faults_are_the_same_for_a_seed_and_never_too_many_in_a_row(past: World) -> None:
    def statuses(**fields: Any) -> list[int]:
        sandbox = Sandbox(past, faults=Faults(kinds=("503",), **fields))
        return [sandbox.respond("GET", "/orders/", "", HEADERS).status for _ in range(60)]

    assert statuses(rate=0.3, seed=1) == statuses(rate=0.3, seed=1) != statuses(rate=0.3, seed=2)
    assert 8 < statuses(rate=0.3).count(503) < 30
    assert statuses(rate=1.0, most_in_a_row=2)[:7] == [503, 503, 200, 503, 503, 200, 503]


def test_every_kind_of_fault_has_a_name_of_its_own() -> None:
    names = [*KINDS, *PAGES, *DRIFTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("kind", "error", "read_s"),
    [
        ("reset", httpx.ReadError, 5.0),
        ("timeout", httpx.ReadTimeout, 0.1),
        ("slow", httpx.ReadTimeout, 0.1),
        ("short body", httpx.RemoteProtocolError, 5.0),
    ],
)
def test_what_breaks_on_a_wire_breaks_alike_in_memory(
    kind: str, error: type[Exception], read_s: float, past: World
) -> None:
    patience = httpx.Timeout(5.0, read=read_s)
    sandbox = Sandbox(past, faults=[Fault(kind=kind, nth=1)])
    with client(sandbox) as memory, pytest.raises(error):
        memory.get("/orders/", timeout=patience)
    again = Sandbox(past, faults=[Fault(kind=kind, nth=1)])
    with serve(again) as server, httpx.Client(base_url=server.url, headers=HEADERS) as wire:
        with pytest.raises(error):
            wire.get("/orders/", timeout=patience)
        assert wire.get("/orders/").status_code == 200


def test_the_server_answers_as_memory_does_on_one_connection(past: World) -> None:
    with (
        serve(Sandbox(past)) as server,
        httpx.Client(base_url=server.url, headers=HEADERS) as wire,
    ):
        shown = []
        url: str | None = "/items/?page_size=50"
        while url:
            page = wire.get(url).raise_for_status().json()
            shown += page["results"]
            url = page["next"]
            assert url is None or url.startswith(server.url)
            assert len(server.connections) == 1
    assert shown == past.truth("items")


def test_a_delay_shows_in_the_calls(past: World) -> None:
    sandbox = Sandbox(past)
    with serve(sandbox, delay_s=0.03) as server:
        assert httpx.get(f"{server.url}/orders/", headers=HEADERS).status_code == 200
    call = sandbox.calls[0]
    assert call.ended - call.started >= 0.03


def test_requests_at_the_same_time_overlap_in_the_calls(past: World) -> None:
    sandbox = Sandbox(past)
    with (
        serve(sandbox, delay_s=0.4) as server,
        httpx.Client(base_url=server.url, headers=HEADERS) as wire,
        ThreadPoolExecutor(2) as pool,
    ):
        assert [*pool.map(wire.get, ("/orders/", "/items/"))]
    first, second = sorted(sandbox.calls, key=lambda call: call.started)
    assert {first.entity, second.entity} == {"orders", "items"}
    assert second.started < first.ended


def test_the_world_can_be_moved_from_outside(world: World) -> None:
    with (
        serve(Sandbox(world)) as server,
        httpx.Client(base_url=f"{server.url}/_sandbox") as door,
    ):
        moved = door.post("/advance", json={"hours": 2}).json()
        assert moved == {"now": "2025-06-02T17:00:00+00:00"}
        customer = door.post("/do", json={"deed": "create_customer"}).json()["result"]
        wish = {"deed": "subscribe", "with": {"customer": customer}}
        subscription = door.post("/do", json=wish).json()["result"]
        wish = {"deed": "cancel_subscription", "with": {"subscription": subscription}}
        assert door.post("/do", json=wish).json() == {"result": None}
        assert door.get("/truth/customers").json() == world.truth("customers")
        assert {row["entity"] for row in door.get("/deleted").json()} == {"orders", "items"}
        httpx.get(f"{server.url}/orders/", headers=HEADERS)
        assert [call["entity"] for call in door.get("/calls").json()] == ["orders"]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/do", b'{"deed": "__init__"}', 400),
        ("POST", "/do", b'{"deed": "skip", "with": {"subscription": "unknown"}}', 400),
        ("POST", "/advance", b"{", 400),
        ("POST", "/advance", b'{"moons": 1}', 400),
        ("GET", "/truth/order", b"", 404),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    method: str, path: str, content: bytes, status: int, world: World
) -> None:
    with serve(Sandbox(world)) as server:
        url = f"{server.url}/_sandbox{path}"
        response = httpx.request(method, url, content=content)
    assert response.status_code == status
    assert response.json()["detail"]


def test_a_bulk_world_is_paged_and_filtered_like_any_other() -> None:
    world = bulk_world(orders=230, now=NOW)
    world.advance(hours=1)
    world.touch("orders", every=10)
    sandbox = Sandbox(world)
    for name in ("customers", "orders", "items"):
        assert walked(sandbox, ENTITIES[name], page_size="100") == world.truth(name)
    changed = walked(sandbox, ENTITIES["orders"], updated_start="2025-06-02T11:00:00")
    assert len(changed) == 23


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "sources.ordergroove.sandbox", "--customers", "3"]
    with subprocess.Popen([*command, "--days", "60"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            url, key = (process.stdout.readline().split()[1] for _ in range(2))
            response = httpx.get(f"{url}/customers/", headers={**HEADERS, "x-api-key": key})
            assert len(response.json()["results"]) == 3
            age = datetime.now(UTC) - parsedate_to_datetime(response.headers["Date"])
            assert abs(age.total_seconds()) < 60
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()


def test_the_sandbox_shares_nothing_with_the_pipeline_but_the_table() -> None:
    package = Path(__file__).parents[1] / "sources/ordergroove/sandbox"
    allowed = {"orjson", "httpx", "graphql", *sys.stdlib_module_names}
    shared = {f"sources.ordergroove.{name}" for name in ("entities", "kinds", "model")}
    for file in package.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                is_own = name.startswith("sources.ordergroove.sandbox")
                assert is_own or name in shared or name.partition(".")[0] in allowed, (file, name)


def test_a_call_says_which_headers_came_but_never_the_key(past: World) -> None:
    sandbox = Sandbox(past)
    get(sandbox, "/orders/")
    assert sandbox.calls[0].headers["x-og-api-version"] == "2"
    assert replace(sandbox.calls[0], entity=None).is_list is False
