"""The sandbox's webhooks: what the documentation says they are, and what goes wrong with them."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.ordergroove.sandbox import DEMO_WEBHOOK_KEY, Mischief, Sender, World, post_to
from sources.ordergroove.sandbox.webhooks import SCHEDULES
from sources.ordergroove.webhooks.event_types import EVENT_TYPES
from sources.ordergroove.webhooks.events import event_of
from sources.ordergroove.webhooks.signature import verify

NOW = datetime(2026, 6, 10, 16, tzinfo=UTC)


class Receiver:
    """Answers each delivery with the same status and remembers them."""

    def __init__(self, status: int | None = 200) -> None:
        self.status = status
        self.got: list[tuple[bytes, Mapping[str, str]]] = []

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> int | None:
        self.got.append((body, headers))
        return self.status

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.got]


def world(*, alive: bool = False) -> World:
    return World(customers=30, days=60, zone="America/New_York", now=NOW, alive=alive)


def live(made: World) -> str:
    return next(
        str(row.record["public_id"])
        for row in made.rows("subscriptions")
        if row.record["live"] and made.items_of(str(row.record["public_id"]))
    )


@pytest.mark.parametrize(
    ("schedule", "attempts", "minutes"),
    [("current", 60, 565), ("server", 5, 24), ("legacy", 13, 4_095)],
)
def test_retries_follow_the_documented_schedules_until_they_are_given_up(
    schedule: str, attempts: int, minutes: int
) -> None:
    assert sum(SCHEDULES[schedule]) == minutes * 60
    made, receiver = world(), Receiver(status=500)
    sender = Sender(made, receiver, schedule=schedule)
    made.touch_customer("00000001")
    made.change_quantity(live(made), 3)
    count = len(sender.events)

    for _ in range(minutes + 1):
        sender.send_due()
        made.advance(minutes=1)

    assert len(receiver.got) == attempts * count
    assert len(sender.failed) == count
    assert sender.is_done


@pytest.mark.parametrize("status", [301, 401, 404, 503, None])
def test_whatever_is_no_success_is_sent_again_and_signed_anew(status: int | None) -> None:
    made, receiver = world(), Receiver(status=status)
    sender = Sender(made, receiver)
    made.change_quantity(live(made), 3)
    assert sender.send_due() == len(sender.events) > 0
    made.advance(seconds=59)
    assert sender.send_due() == 0
    receiver.status = 204
    made.advance(seconds=1)
    sender.send_due()

    assert sender.is_done
    first, again = receiver.got[0], receiver.got[len(sender.events)]
    assert first[0] == again[0]
    assert first[1] != again[1]


def test_deliveries_are_signed_by_every_key_of_a_rotation() -> None:
    made, receiver = world(), Receiver()
    sender = Sender(made, receiver, keys=["new", "old"])
    made.change_quantity(live(made), 3)
    sender.send_due()
    body, headers = receiver.got[0]

    for key in (b"new", b"old"):
        header = headers["OrderGroove-Signature"].encode()
        verify(header, body, [key], now=made.now.timestamp(), tolerance_s=1)
    assert DEMO_WEBHOOK_KEY not in f"{headers}"


def told_by(deed: str, *given: Any) -> Counter[str]:
    made, receiver = world(), Receiver()
    sender = Sender(made, receiver)
    subscription = live(made)
    chosen = {"subscription": subscription, "order": made.next_order(subscription)}
    chosen |= {"item": made.items_of(subscription)[0], "customer": made.create_customer()}
    getattr(made, deed)(*(chosen.get(word, word) for word in given))
    sender.send_due()
    return Counter(receiver.types)


@pytest.mark.parametrize(
    ("deed", "types"),
    [
        (("cancel_subscription", "subscription"), {"subscription.cancel", "item.remove"}),
        (("skip", "subscription"), {"item.remove", "item.create"}),
        (("subscribe", "customer"), {"subscription.create", "subscriber.create", "item.create"}),
        (("change_quantity", "subscription", 5), {"subscription.change_quantity"}),
        (("move_item", "item"), {"item.change_order", "order.create"}),
        (("place_order", "order"), {"order.success", "item.successfully_placed"}),
        (("place_order", "order", "declined"), {"order.retryable_placement_failure"}),
        (("place_order", "order", "error"), {"order.generic_error"}),
        (("cancel_order", "order"), {"order.skip_order"}),
        (("delete_order", "order"), {"order.delete"}),
        (("delete_item", "item"), {"item.remove"}),
    ],
)
def test_each_deed_tells_what_it_does(deed: tuple[Any, ...], types: set[str]) -> None:
    told = told_by(*deed)

    assert types <= set(told)
    assert set(told) <= set(EVENT_TYPES)


def test_what_has_no_event_is_not_told() -> None:
    assert told_by("touch_customer", "customer") == {}
    # the items that go with an order have no event of their own
    assert told_by("delete_order", "order") == {"order.delete": 1}


@pytest.mark.parametrize("blocks_in_data", [False, True])
def test_an_event_has_the_documented_shape(*, blocks_in_data: bool) -> None:
    made, receiver = world(), Receiver()
    sender = Sender(made, receiver, mischief=Mischief(blocks_in_data=blocks_in_data))
    order = made.next_order(live(made))
    made.place_order(order)
    sender.send_due()
    body = next(body for body, _ in receiver.got if b"order.success" in body)
    document, event = json.loads(body), event_of(body)
    shown = document["data"]["object"]

    assert len(event.event_id) == 32
    assert (event.object_type, event.object_key) == ("order", order)
    assert event.happened_at == NOW
    assert str(event.actor).startswith("customer:")
    assert "updated" not in shown
    assert isinstance(shown["created"], int)
    assert len(shown["place"]) == 10
    assert shown["status"] == 5
    assert set(document["data"]) == {"object"} | (
        {"context", "snapshot"} if blocks_in_data else set()
    )


def test_mischief_is_what_was_asked_for_and_the_same_each_time() -> None:
    got: list[list[bytes]] = []
    for _ in range(2):
        made, receiver = world(alive=True), Receiver()
        mischief = Mischief(lost=0.3, doubled=0.2, delayed=0.5, shuffled=True)
        sender = Sender(made, receiver, mischief=mischief)
        made.advance(days=20)
        sender.send_due()
        made.advance(hours=2)
        sender.send_due()
        got.append([body for body, _ in receiver.got])
    ids = [json.loads(body)["id"] for body in got[0]]
    told = [event["id"] for event in sender.events]

    assert got[0] == got[1]
    assert 0.6 < len(set(ids)) / len(told) < 0.8
    assert len(ids) > len(set(ids))
    assert [one for one in ids if one in set(told)] != [one for one in told if one in set(ids)]


def test_listening_changes_nothing_of_what_happens() -> None:
    heard, unheard = world(alive=True), world(alive=True)
    Sender(heard, Receiver())
    for made in (heard, unheard):
        made.advance(days=10)

    assert heard.truth("orders") == unheard.truth("orders")
    assert heard.truth("items") == unheard.truth("items")


def test_an_address_where_nobody_listens_is_no_answer() -> None:
    assert post_to("http://127.0.0.1:1/hook")(b"{}", {}) is None


def test_what_is_told_stays_as_it_was_when_it_happened() -> None:
    made, receiver = world(), Receiver()
    sender = Sender(made, receiver)
    order = made.next_order(live(made))
    made.place_order(order, "declined")
    made.advance(seconds=timedelta(minutes=5).total_seconds())
    made.place_order(order)
    sender.send_all()

    told = {json.loads(body)["type"]: json.loads(body) for body, _ in receiver.got}
    assert told["order.retryable_placement_failure"]["data"]["object"]["status"] == 18
    assert told["order.success"]["data"]["object"]["status"] == 5
