"""Reading threads: what they hand over, with which position, and what they do about trouble."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import format_datetime
from functools import partial
from typing import Any

import httpx
import pendulum
import pytest
from pendulum import DateTime

from pipelines.ordergroove import reading
from pipelines.ordergroove.reading import Deliveries, Delivery, Plan, deliveries_of, read_into
from sources.ordergroove.client import Client, Tally
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import (
    BadRequest,
    PositionLost,
    Stopped,
    Transient,
    Unpageable,
)
from sources.ordergroove.page import Page
from sources.ordergroove.rows import batch_of
from sources.ordergroove.run_clock import RunClock
from sources.ordergroove.sandbox import DEMO_KEY, Fault, Rules, Sandbox, World
from sources.ordergroove.sandbox.transport import exchange
from state.ordergroove.watermark import Position, Span, Window, fingerprint_of

ZONE = "America/New_York"
NOW = pendulum.datetime(2025, 6, 2, 15)
BASE = "https://sandbox.test"
ORDERS, PRODUCTS = ENTITIES["orders"], ENTITIES["products"]
PLAN = Plan(started_at=NOW, overlap=pendulum.duration(hours=2), zone=ZONE)

Handler = Callable[[httpx.Request], httpx.Response]
Reads = Callable[..., list[Delivery]]


@pytest.fixture(scope="module")
def past() -> World:
    """A year of forty customers, several pages of orders; must not be changed."""
    return World(seed=3, customers=40, now=NOW, days=365, zone=ZONE)


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def connect_to(there: Sandbox | Handler, **changes: Any) -> Client:
        handler = partial(exchange, there) if isinstance(there, Sandbox) else there
        given: dict[str, Any] = {
            "base_url": BASE,
            "key": DEMO_KEY,
            "back_off_s": 0,
            "retry_limit_s": 1,
        }
        made.append(Client(**given | {"transport": httpx.MockTransport(handler)} | changes))
        # the sandbox's clock stands still, and so that it is not thought slow, ours begins with it
        made[-1].clock = RunClock(wall=lambda: NOW)
        return made[-1]

    yield connect_to
    for client in made:
        client.close()


@pytest.fixture
def reads(connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Reads an entity to its end, a delivery for each page unless `pages_a_batch` says more."""

    def read(
        there: Sandbox | Handler,
        name: str = "orders",
        position: Position | None = None,
        *,
        pages_a_batch: int = 1,
        plan: Plan = PLAN,
    ) -> list[Delivery]:
        monkeypatch.setattr(reading, "PAGES_A_BATCH", pages_a_batch)
        client = connect(there)
        found = deliveries_of(ENTITIES[name], position or Position(), client, plan, Tally())
        return list(found)

    return read


def keys(deliveries: list[Delivery], name: str = "public_id") -> list[str]:
    return [
        key
        for delivery in deliveries
        if delivery.batch
        for key in delivery.batch.table[name].to_pylist()
    ]


def positions(deliveries: list[Delivery]) -> list[Position]:
    return [delivery.position for delivery in deliveries if delivery.position]


def truth(world: World, name: str = "orders", key: str = "public_id") -> list[str]:
    return sorted(str(record[key]) for record in world.truth(name))


def queries(sandbox: Sandbox) -> list[dict[str, str]]:
    return [dict(call.query) for call in sandbox.calls]


def test_every_page_is_handed_over_and_the_last_one_moves_the_watermark(
    past: World, reads: Reads
) -> None:
    found = reads(Sandbox(past))

    assert sorted(keys(found)) == truth(past)
    assert [delivery.pages for delivery in found] == [1] * len(found)
    *earlier, last = positions(found)
    assert len(earlier) >= 2
    for position in earlier:
        assert position.watermark is None
        assert position.window is not None
        assert position.window.opened_at == NOW
        assert position.window.next is not None
    assert last.watermark == NOW
    assert last.window is None
    assert [bool(delivery.completed) for delivery in found] == [False] * len(earlier) + [True]


def test_pages_are_gathered_into_batches(past: World, reads: Reads) -> None:
    pages = len(reads(Sandbox(past)))
    found = reads(Sandbox(past), pages_a_batch=2)

    assert sum(delivery.pages for delivery in found) == pages
    assert len(found) == -(-pages // 2)
    assert sorted(keys(found)) == truth(past)


def test_a_position_says_which_merchant_and_zone_its_rows_are_of(past: World, reads: Reads) -> None:
    last = positions(reads(Sandbox(past), plan=replace(PLAN, environment="staging")))[-1]
    assert last.merchants == (past.truth("orders")[0]["merchant"],)
    assert (last.zone, last.environment) == (ZONE, "staging")


def test_an_address_alone_does_not_change_where_rows_are_said_to_be_from(
    past: World, reads: Reads
) -> None:
    last = positions(reads(Sandbox(past), position=Position(environment="production")))[-1]
    assert last.environment == "production"


def test_a_list_that_is_read_whole_has_a_position_only_when_it_is_complete(
    past: World, reads: Reads
) -> None:
    found = reads(paged_products(3), "products")
    assert [delivery.position is not None for delivery in found] == [False, False, True]


def paged_products(pages: int) -> Handler:
    def answer(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("cursor", "0"))
        link = f"{BASE}/products/?cursor={number + 1}" if number + 1 < pages else None
        rows = [{"external_product_id": f"p{number}"}]
        return httpx.Response(200, json={"next": link, "previous": None, "results": rows})

    return answer


def test_changes_are_asked_for_from_an_overlap_before_the_watermark(
    past: World, reads: Reads
) -> None:
    sandbox = Sandbox(past)
    reads(sandbox, position=Position(watermark=NOW.subtract(days=10)))
    # 13:00 UTC, ten days ago, in EST
    assert queries(sandbox)[0]["updated_start"] == "2025-05-23T08:00:00"


def begun(sandbox: Sandbox, reads: Reads, opened_at: DateTime) -> Position:
    """A position in the middle of the orders, as a run that was stopped left it."""
    first = reads(sandbox, plan=replace(PLAN, started_at=opened_at))[0]
    sandbox.calls.clear()
    assert first.position is not None
    return first.position


def test_a_window_left_over_is_finished_and_the_next_one_opened_at_once(
    past: World, reads: Reads
) -> None:
    sandbox = Sandbox(past)
    yesterday = NOW.subtract(days=1)
    position = begun(sandbox, reads, yesterday)
    assert position.window is not None

    found = reads(sandbox, position=position)

    asked = queries(sandbox)
    assert asked[0] == dict(httpx.URL(str(position.window.next)).params)
    # its rows are those of yesterday's question: what changed since is asked for afterwards
    assert asked[-1]["updated_start"] == "2025-06-01T08:00:00"
    completed = [delivery.completed for delivery in found if delivery.completed]
    assert [window.opened_at for window in completed] == [yesterday, NOW]
    assert positions(found)[-1].watermark == NOW


@pytest.mark.parametrize("status", ["400", "404", "410"])
def test_a_position_that_is_not_taken_back_begins_the_window_again(
    past: World, reads: Reads, caplog: pytest.LogCaptureFixture, status: str
) -> None:
    sandbox = Sandbox(past)
    yesterday = NOW.subtract(days=1)
    position = begun(sandbox, reads, yesterday)
    lost = Sandbox(past, faults=[Fault(kind=status, entity="orders", nth=1)])

    with caplog.at_level(logging.WARNING):
        found = reads(lost, position=position)

    assert "the saved position is lost, beginning again" in caplog.text
    assert {*keys(found)} == {*truth(past)}
    completed = [delivery.completed for delivery in found if delivery.completed]
    assert completed[0].opened_at == yesterday


def test_a_position_of_other_settings_begins_the_window_again(past: World, reads: Reads) -> None:
    sandbox = Sandbox(past)
    yesterday = NOW.subtract(days=1)
    position = begun(sandbox, reads, yesterday)
    assert position.window is not None
    other = replace(position.window, fingerprint="of another host")

    found = reads(sandbox, position=replace(position, window=other))

    assert "cursor" not in queries(sandbox)[0]
    assert {*keys(found)} == {*truth(past)}
    completed = [delivery.completed for delivery in found if delivery.completed]
    assert completed[0].opened_at == yesterday


def test_a_link_that_is_refused_in_the_middle_fails_the_entity(past: World, reads: Reads) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="400", entity="orders", nth=2)])
    with pytest.raises(PositionLost, match="no longer takes"):
        reads(sandbox)


def test_a_question_that_is_refused_is_not_asked_again(past: World, reads: Reads) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="400", entity="orders")])
    position = begun(Sandbox(past), reads, NOW.subtract(days=1))
    with pytest.raises(BadRequest):
        reads(sandbox, position=position)
    assert len(sandbox.calls) == 2


def test_a_server_that_repeats_itself_has_its_window_cut_until_all_is_there(
    past: World, reads: Reads, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="repeat next", entity="orders", nth=2)])

    with caplog.at_level(logging.WARNING):
        found = reads(sandbox)

    assert "the server repeats itself, window cut in two" in caplog.text
    assert {*keys(found)} == {*truth(past)}
    assert any("updated_end" in query for query in queries(sandbox))
    last = positions(found)[-1]
    assert (last.watermark, last.window) == (NOW, None)
    assert [delivery for delivery in found if delivery.completed] == [found[-1]]


def test_a_window_that_is_cut_can_be_resumed_in_its_second_half(past: World, reads: Reads) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="repeat next", entity="orders", nth=2)])
    cut = next(
        position
        for position in positions(reads(sandbox))
        if position.window and position.window.spans[0].start
    )
    assert cut.window is not None
    assert cut.window.spans[0] != Span()

    rest = reads(Sandbox(past), position=cut)

    assert positions(rest)[-1].watermark == NOW


def test_a_list_that_cannot_be_cut_and_repeats_itself_fails(reads: Reads) -> None:
    def round_and_round(request: httpx.Request) -> httpx.Response:
        rows = [{"external_product_id": "p"}]
        link = f"{BASE}/products/?cursor=1"
        return httpx.Response(200, json={"next": link, "previous": None, "results": rows})

    with pytest.raises(Unpageable, match="repeats itself"):
        reads(round_and_round, "products")


def test_a_server_that_always_repeats_itself_is_given_up_in_the_end(reads: Reads) -> None:
    asked = 0

    def round_and_round(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        rows = [{"public_id": "o1", "updated": "2025-05-01 10:00:00"}]
        link = f"{BASE}/orders/?cursor=1"
        return httpx.Response(200, json={"next": link, "previous": None, "results": rows})

    with pytest.raises(Unpageable, match="repeats itself"):
        reads(round_and_round)
    assert asked < 100


def test_rows_older_than_the_window_warn(
    past: World, reads: Reads, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind="ignore filter", entity="orders")])
    with caplog.at_level(logging.WARNING):
        reads(sandbox, position=Position(watermark=NOW.subtract(days=10)))
    assert "orders: rows older than the window: the server ignores the filter" in caplog.text


def test_a_window_as_it_should_be_warns_of_nothing(
    past: World, reads: Reads, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        reads(Sandbox(past), position=Position(watermark=NOW.subtract(days=10)))
    assert caplog.text == ""


def test_a_new_field_and_records_without_a_key_are_told(
    past: World, reads: Reads, caplog: pytest.LogCaptureFixture
) -> None:
    gift = Fault(kind="set", entity="orders", nth=1, field="gift", value=1)
    keyless = Fault(kind="set", entity="orders", nth=2, field="public_id", value=None)
    with caplog.at_level(logging.WARNING):
        reads(Sandbox(past, faults=[gift, keyless]))
    assert "Ordergroove sent a new field, loaded as json: gift" in caplog.text
    assert "orders: records without a key, kept in rejected_records: 1" in caplog.text


@pytest.mark.parametrize(
    ("skew_s", "opened_at"), [(0, NOW), (3600, NOW), (-90, NOW.subtract(seconds=91))]
)
def test_a_window_is_opened_by_the_slower_of_two_clocks(
    reads: Reads, skew_s: int, opened_at: DateTime
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        date = format_datetime(NOW.add(seconds=skew_s))
        empty: dict[str, Any] = {"next": None, "previous": None, "results": []}
        return httpx.Response(200, json=empty, headers={"Date": date})

    assert positions(reads(answer))[-1].watermark == opened_at


def test_a_window_of_an_earlier_run_keeps_the_time_it_was_opened(reads: Reads, past: World) -> None:
    yesterday = NOW.subtract(days=1)
    position = begun(Sandbox(past), reads, yesterday)
    slow = Sandbox(past, rules=Rules(skew_s=-90))
    completed = [d.completed for d in reads(slow, position=position) if d.completed]
    assert [window.opened_at for window in completed] == [yesterday, NOW.subtract(seconds=91)]


def test_a_since_before_the_watermark_moves_it(past: World, reads: Reads) -> None:
    before = Position(watermark=NOW.subtract(days=10))
    plan = replace(PLAN, since=NOW.subtract(days=11))
    assert positions(reads(Sandbox(past), position=before, plan=plan))[-1].watermark == NOW


def test_a_since_after_the_watermark_reads_and_moves_nothing(past: World, reads: Reads) -> None:
    before = Position(watermark=NOW.subtract(days=10))
    plan = replace(PLAN, since=NOW.subtract(days=5))
    found = reads(Sandbox(past), position=before, plan=plan)
    assert keys(found)
    assert positions(found) == []


def test_a_since_leaves_a_window_that_was_begun_as_it_is(past: World, reads: Reads) -> None:
    window = Window(
        since=NOW.subtract(days=20),
        opened_at=NOW.subtract(days=3),
        fingerprint=fingerprint_of(ORDERS, zone=ZONE, base_url=BASE),
        next=f"{BASE}/orders/?cursor=x",
        spans=(Span(start="2025-05-10T00:00:00"),),
    )
    before = Position(watermark=NOW.subtract(days=10), window=window)
    plan = replace(PLAN, since=NOW.subtract(days=11))
    assert positions(reads(Sandbox(past), position=before, plan=plan))[-1].window == window


def test_a_full_refresh_asks_for_everything_and_drops_what_was_begun(
    past: World, reads: Reads
) -> None:
    sandbox = Sandbox(past)
    position = replace(begun(sandbox, reads, NOW.subtract(days=1)), watermark=NOW.subtract(days=9))
    found = reads(sandbox, position=position, plan=replace(PLAN, full_refresh=True))
    assert {"cursor", "updated_start"} & {*queries(sandbox)[0]} == set()
    assert sorted(keys(found)) == truth(past)
    assert positions(found)[-1].watermark == NOW


def read_all(
    client: Client, queue: Deliveries, entity: str = "orders", position: Position | None = None
) -> threading.Thread:
    args = (queue, ENTITIES[entity], position or Position(), client, PLAN, Tally())
    thread = threading.Thread(target=read_into, args=args, daemon=True)
    thread.start()
    return thread


def drained(queue: Deliveries) -> list[Delivery]:
    found = []
    while (delivery := queue.get(5.0)) is not None:
        found.append(delivery)
        if delivery.is_last:
            return found
    raise AssertionError("the thread never said that it was done")


def roomy() -> Deliveries:
    return Deliveries(most_bytes=2**30, most_rows=10**9)


def test_a_thread_says_when_it_is_done(past: World, connect: Callable[..., Client]) -> None:
    queue = roomy()
    read_all(connect(Sandbox(past)), queue).join(10)
    *found, last = drained(queue)
    assert sorted(keys(found)) == truth(past)
    assert (last.batch, last.error) == (None, None)


def test_an_error_is_handed_over_after_what_was_read(
    past: World, connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGES_A_BATCH", 1)
    sandbox = Sandbox(past, faults=[Fault(kind="500", entity="orders", from_page=2)])
    queue = roomy()
    read_all(connect(sandbox, retry_limit_s=0), queue)
    *found, last = drained(queue)
    assert len(found) == 1
    assert isinstance(last.error, Transient)


def test_a_fault_of_our_own_ends_the_thread_and_not_the_run(
    connect: Callable[..., Client],
) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise RuntimeError("a bug")

    queue = roomy()
    read_all(connect(broken), queue)
    (last,) = drained(queue)
    assert isinstance(last.error, RuntimeError)


def test_a_stop_ends_the_thread_at_the_next_request(
    past: World, connect: Callable[..., Client]
) -> None:
    stop = threading.Event()
    sandbox = Sandbox(past)

    def stopping(request: httpx.Request) -> httpx.Response:
        stop.set()
        return exchange(sandbox, request)

    queue = roomy()
    read_all(connect(stopping, stop=stop), queue)
    last = drained(queue)[-1]
    assert isinstance(last.error, Stopped)
    assert len(sandbox.calls) == 1


def test_one_request_of_an_entity_is_in_flight_at_a_time(
    past: World, connect: Callable[..., Client]
) -> None:
    sandbox = Sandbox(past)
    flying = most = 0

    def counting(request: httpx.Request) -> httpx.Response:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        answer = exchange(sandbox, request)
        flying -= 1
        return answer

    queue = roomy()
    read_all(connect(counting), queue)
    drained(queue)
    assert most == 1


def sized(rows: int, *, page_bytes: int = 0) -> Delivery:
    records = [{"public_id": f"o{number}"} for number in range(rows)]
    page = Page(records=records, next=None, body=b"", fetched_at=NOW, server_ahead_s=None)
    batch = batch_of(ORDERS, [page], ZONE)
    return Delivery(entity=ORDERS, batch=batch, pages=1, page_bytes=page_bytes)


def waiting_put(queue: Deliveries, delivery: Delivery) -> tuple[threading.Thread, list[bool]]:
    """A thread that hands over, and what it was told once it has."""
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(queue.put(delivery)), daemon=True)
    thread.start()
    return thread, told


def test_what_is_handed_over_comes_out_in_order() -> None:
    queue = roomy()
    first, second = sized(1), sized(2)
    assert queue.put(first)
    assert queue.put(second)
    assert [queue.get(0), queue.get(0), queue.get(0)] == [first, second, None]


def test_what_is_counted_are_the_pages_and_their_tables() -> None:
    delivery = sized(3, page_bytes=500)
    assert delivery.batch is not None
    assert delivery.size == 500 + delivery.batch.table.nbytes + delivery.batch.rejected.nbytes
    assert delivery.rows == 3
    assert Delivery(entity=ORDERS, is_last=True).size == 0


@pytest.mark.parametrize(
    "queue",
    [
        Deliveries(most_bytes=1_500, most_rows=10**9),
        Deliveries(most_bytes=2**30, most_rows=3),
    ],
    ids=["bytes", "rows"],
)
def test_a_full_queue_makes_the_reader_wait(queue: Deliveries) -> None:
    first, second = sized(2, page_bytes=1_000), sized(2, page_bytes=1_000)
    assert queue.put(first)
    thread, told = waiting_put(queue, second)
    thread.join(0.05)
    assert thread.is_alive()

    assert queue.get(0) is first

    thread.join(5)
    assert told == [True]
    assert queue.get(0) is second


@pytest.mark.parametrize(
    "queue",
    [
        Deliveries(most_bytes=3_500, most_rows=10**9),
        Deliveries(most_bytes=2**30, most_rows=4),
    ],
    ids=["bytes", "rows"],
)
def test_what_was_taken_out_makes_room(queue: Deliveries) -> None:
    for _ in range(2):
        assert queue.put(sized(2, page_bytes=1_000))
    for _ in range(5):
        assert queue.get(0) is not None
        thread, told = waiting_put(queue, sized(2, page_bytes=1_000))
        thread.join(5)
        assert told == [True]


def test_what_is_larger_than_the_queue_passes_alone() -> None:
    queue = Deliveries(most_bytes=1, most_rows=1)
    assert queue.put(sized(5))


def test_the_last_word_of_a_thread_finds_room_in_a_queue_full_of_rows() -> None:
    queue = Deliveries(most_bytes=2**30, most_rows=2)
    queue.put(sized(2))
    assert queue.put(Delivery(entity=ORDERS, is_last=True))


def test_a_closed_queue_lets_waiting_readers_go_and_takes_no_more() -> None:
    queue = Deliveries(most_bytes=1, most_rows=1)
    queue.put(sized(1))
    thread, told = waiting_put(queue, sized(1))
    queue.close()
    thread.join(5)
    assert told == [False]
    assert not queue.put(sized(1))


def test_an_entity_that_is_given_up_delivers_no_more_and_others_do() -> None:
    queue = Deliveries(most_bytes=2**30, most_rows=2)
    queue.put(sized(2))
    thread, told = waiting_put(queue, sized(2))
    queue.give_up("orders")
    thread.join(5)
    assert told == [False]
    assert queue.get(0) is not None
    assert queue.put(replace(sized(1), entity=PRODUCTS))
