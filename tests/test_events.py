"""Bodies of deliveries as events, and what events hint at."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.webhooks.event_types import (
    EVENT_TYPES,
    FAMILIES,
    Tells,
    meaning_of,
    types_that_tell,
)
from sources.ordergroove.webhooks.events import Event, event_of, letter_of
from sources.ordergroove.webhooks.refusal import Refusal
from tests.json_values import PATIENT

DOCUMENTED = """
subscriber.create subscriber.cancel subscriber.subscriptions_created
subscription.create subscription.cancel subscription.change_live subscription.reactivate
subscription.sku_swap subscription.change_frequency subscription.change_quantity
subscription.change_components subscription.change_shipping_address subscription.change_payment
subscription.refresh_one_click_token
order.create order.change_shipping_address order.change_payment order.change_billing
order.change_next_order_date order.skip_order order.send_now order.cancel order.success
order.reject order.generic_error order.retryable_placement_failure order.reminder
order.refresh_one_click_token order.delete
item.create item.change_order item.change_quantity item.remove item.item_subscribe
item.update_price item.sku_swap item.successfully_placed item.out_of_stock
entitlement.entitlements_granted entitlement.entitlements_expiring
entitlement.entitlements_expired entitlement.entitlements_grace_period_expired
entitlement.entitlements_expiration_modified entitlement.entitlements_voided
workflow.send_communication
"""
"""Copied from the pages on events, independently of the table."""

NOON = 1767225600
AT = datetime.fromtimestamp(NOON, UTC)


def body(**changed: Any) -> bytes:
    """An order's event with some members changed; None takes one away."""
    members: dict[str, Any] = {
        "id": "evt_1",
        "type": "order.success",
        "created": NOON,
        "data": {"object": {"type": "order", "public_id": "ord_1", "total": "9.90"}},
        "context": None,
        "snapshot": {},
    }
    return json.dumps(members | changed).encode()


def test_the_table_of_event_types_is_the_documented_catalogue() -> None:
    assert sorted(EVENT_TYPES) == sorted(DOCUMENTED.split())
    assert {row.family for row in EVENT_TYPES.values()} == set(FAMILIES)


def test_a_family_names_a_table_and_its_key() -> None:
    for family in FAMILIES.values():
        if family.entity:
            assert ENTITIES[family.entity].key == (family.key,)


def test_only_two_events_tell_of_a_deletion() -> None:
    assert types_that_tell(Tells.GONE) == ("order.delete", "item.remove")


def test_an_event_is_read_into_columns() -> None:
    event = event_of(body())

    assert event == Event(
        event_id="evt_1",
        event_type="order.success",
        object_type="order",
        object_key="ord_1",
        happened_at=AT,
        actor=None,
        payload=event.payload,
        snapshot=None,
    )
    assert json.loads(event.payload) == json.loads(body())


@pytest.mark.parametrize("place", ["top", "data", "object"])
def test_context_and_snapshot_are_found_in_each_of_their_documented_places(place: str) -> None:
    blocks = {
        "context": {"actor": {"type": "customer", "customer": {"merchant_user_id": "42"}}},
        "snapshot": {"orders": [{"public_id": "ord_1"}]},
    }
    inner = {"public_id": "ord_1"} | (blocks if place == "object" else {})
    data = {"object": inner} | (blocks if place == "data" else {})
    event = event_of(body(data=data, **(blocks if place == "top" else {})))

    assert event.actor == "customer:42"
    assert json.loads(str(event.snapshot)) == blocks["snapshot"]
    assert "orders" not in event.payload
    assert "merchant_user_id" in event.payload


@pytest.mark.parametrize(
    ("context", "actor"),
    [
        ({"actor": {"type": "apikey"}, "api_key": {"public_id": "k1", "name": "n"}}, "apikey:k1"),
        ({"actor": {"type": "user", "user": {"public_id": "u1"}}}, "user:u1"),
        ({"actor": {"type": "og-system-process"}}, "og-system-process"),
        ({"source": "PurchasePOST"}, None),
        ({"actor": "somebody"}, None),
        (None, None),
        ([1], None),
    ],
)
def test_an_actor_is_told_where_one_is_named(context: Any, actor: str | None) -> None:
    assert event_of(body(context=context)).actor == actor


@pytest.mark.parametrize(
    ("created", "happened_at"),
    [
        (NOON, AT),
        (float(NOON) + 0.25, AT),
        (str(NOON), AT),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, None),
        (10**15, None),
        (True, None),
        ("2026-01-01", None),
        ("٣", None),
        (None, None),
        ([NOON], None),
    ],
)
def test_a_time_that_is_none_becomes_null(created: Any, happened_at: datetime | None) -> None:
    assert event_of(body(created=created)).happened_at == happened_at


def test_the_token_that_acts_for_a_customer_is_never_kept() -> None:
    told = body(
        data={"object": {"public_id": "o", "one_click_token": "t0ken"}},
        snapshot={"orders": [{"one_click_token": "t0ken"}]},
    )
    letter, event = letter_of(told), event_of(told)

    assert b"t0ken" not in letter.body
    assert "t0ken" not in f"{event}"
    assert event_of(letter.body) == event


def test_a_body_is_kept_byte_for_byte_when_it_holds_no_secret() -> None:
    told = b'{ "id":"e",  "n": 1.10000000000000000000001 }'
    assert letter_of(told).body == told
    assert '"n":1.10000000000000000000001' in event_of(told).payload


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b"{}", "no id"),
        (body(id=""), "no id"),
        (body(id=None), "no id"),
        (body(id=True), "no id"),
        (body(id={"a": 1}), "no id"),
        (b'{"id":"e","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too deeply"),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason(told: bytes, reason: str) -> None:
    for read in (letter_of, event_of):
        with pytest.raises(Refusal, match=reason) as refused:
            read(told)
        assert refused.value.status == 400


@pytest.mark.parametrize(
    "told",
    [
        body(type="order.teleported"),
        body(type="planet.moved", data={"object": {"type": "planet", "public_id": "p"}}),
        body(type=None, data=None),
        body(type=7, data="text", snapshot=[1], context="x"),
        body(data={"object": {"public_id": ["list"]}}),
        b'{"id":"e","note":"\\ud800 \\u0000","big":123456789012345678901234567890}',
        b'{"id":"e","note":"caf\xe9"}',
    ],
)
def test_whatever_else_is_in_it_an_event_is_stored(told: bytes) -> None:
    event = event_of(told)

    assert event.event_id == letter_of(told).event_id
    assert json.loads(event.payload)
    assert not {"\x00", "\ud800"} & set(json.dumps(json.loads(event.payload), ensure_ascii=False))


def test_ids_of_any_length_stay_apart() -> None:
    first, second = (event_of(body(id="x" * 5_000 + end)).event_id for end in "ab")

    assert first != second
    assert len(first) <= 200


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
names = st.sampled_from(["id", "type", "created", "data", "context", "snapshot", "object"])


@PATIENT
@given(st.dictionaries(names, st.dictionaries(names, values) | values))
def test_any_json_is_an_event_or_refused(document: dict[str, Any]) -> None:
    told = json.dumps(document).encode()
    with suppress(Refusal):
        assert event_of(told).event_id == letter_of(told).event_id


@PATIENT
@given(st.binary(max_size=100))
def test_any_bytes_are_an_event_or_refused(told: bytes) -> None:
    with suppress(Refusal):
        assert event_of(told).event_id == letter_of(told).event_id


@pytest.mark.parametrize(
    ("event_type", "tells"),
    [
        ("order.delete", Tells.GONE),
        ("item.remove", Tells.GONE),
        ("order.cancel", Tells.CHANGED),
        ("order.reminder", Tells.NOTHING),
        # prose on overview pages spells some types otherwise; new ones may come
        ("subscription.cancelled", Tells.CHANGED),
        ("planet.moved", Tells.NOTHING),
        (None, Tells.NOTHING),
    ],
)
def test_a_type_tells_what_became_of_the_object(event_type: str | None, tells: Tells) -> None:
    assert meaning_of(event_type) is tells
