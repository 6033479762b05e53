"""The made-up merchant: always the same, consistent in itself, deleting as is documented."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import World, bulk_world
from sources.ordergroove.sandbox.clock import WallClock, day_number, filter_text, later
from sources.ordergroove.sandbox.store import Record

NOW = datetime(2025, 6, 2, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def past() -> World:
    """Two years of ninety customers; tests that share it must not change it."""
    return World(seed=3, customers=90, now=NOW)


@pytest.fixture
def world() -> World:
    """Nobody but whom a test creates, and nothing happens by itself."""
    return World(customers=0, now=NOW, days=1, alive=False)


def one(world: World, entity: str, key: str) -> Record:
    row = world.find(entity, key)
    assert row is not None
    return row.record


def subscriber(world: World, **fields: int) -> str:
    return world.subscribe(world.create_customer(), product="0070000001", **fields)


def test_the_same_seed_gives_the_same_truth() -> None:
    first, second = (World(seed=5, customers=15, now=NOW, days=200) for _ in range(2))
    for each in (first, second):
        each.advance(days=3)
    assert all(first.truth(entity) == second.truth(entity) for entity in ENTITIES)
    assert first.deleted == second.deleted


def test_another_seed_gives_another_merchant() -> None:
    first, second = (World(seed=seed, customers=5, now=NOW, days=100) for seed in (1, 2))
    assert first.truth("orders") != second.truth("orders")


def test_advancing_in_steps_ends_where_one_step_ends() -> None:
    steps, leap = (World(seed=5, customers=15, now=NOW, days=100) for _ in range(2))
    for _ in range(4):
        steps.advance(hours=12)
    leap.advance(days=2)
    assert steps.truth("orders") == leap.truth("orders")


def test_zones_differ_in_what_the_clock_shows_and_in_nothing_else() -> None:
    central, utc = (
        World(seed=5, customers=10, now=NOW, days=60, zone=zone)
        for zone in ("America/Chicago", "UTC")
    )
    for one_row, other in zip(central.rows("orders"), utc.rows("orders"), strict=True):
        assert (one_row.created_at, one_row.updated_at) == (other.created_at, other.updated_at)
        assert one_row.record["created"] != other.record["created"]
        assert one_row.record["total"] == other.record["total"]


def test_an_unknown_zone_and_a_naive_instant_are_refused() -> None:
    with pytest.raises(ValueError, match="known: America/Chicago"):
        World(customers=0, zone="Mars/Olympus", now=NOW)
    with pytest.raises(ValueError, match="zone"):
        World(customers=0, now=NOW.replace(tzinfo=None))


def test_a_new_world_ends_now_by_the_machines_clock() -> None:
    assert abs((World(customers=0, days=1).now - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_every_field_of_the_table_shows_and_no_other(entity: object, past: World) -> None:
    name = entity.name  # type: ignore[attr-defined]
    shown = {field for record in past.truth(name) for field in record}
    assert shown == {column.name for column in ENTITIES[name].columns}


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_keys_are_unique(entity: object, past: World) -> None:
    table = ENTITIES[entity.name]  # type: ignore[attr-defined]
    keys = [tuple(record[name] for name in table.key) for record in past.truth(table.name)]
    assert len(set(keys)) == len(keys) > 0


def test_a_two_year_past_has_all_that_a_merchant_sees(past: World) -> None:
    statuses = Counter(record["status"] for record in past.truth("orders"))
    assert {1, 3, 4, 5, 17} <= set(statuses)
    assert {True, False} == {record["live"] for record in past.truth("subscriptions")}
    items = past.truth("items")
    assert {True, False} == {record["one_time"] for record in items}
    assert any(record["subscription_component"] for record in items)
    assert any(record["product"] is None for record in items)
    assert {"available", "archived"} == {p["status"] for p in past.truth("offer_profiles")}
    assert {row.entity for row in past.deleted} >= {"orders", "items"}
    kinds = {type(record["extra_data"]) for record in past.truth("orders")}
    assert kinds == {str, dict, type(None)}


def test_most_orders_change_between_two_and_six_in_the_morning_central(past: World) -> None:
    placed = [record for record in past.truth("orders") if record["status"] == 5]
    hours = Counter(int(record["place"][11:13]) for record in placed)
    assert sum(hours[hour] for hour in range(2, 6)) > 0.95 * len(placed)


def assert_money_adds_up(orders: list[Record], items: list[Record]) -> None:
    lines: Counter[str] = Counter()
    full: Counter[str] = Counter()
    for item in items:
        lines[item["order"]] += Decimal(item["total_price"])  # type: ignore[assignment]
        full[item["order"]] += Decimal(item["price"]) * item["quantity"]
    for order in orders:
        amounts = {name: Decimal(order[name]) for name in order if name.endswith("total")}
        assert amounts["sub_total"] == lines[order["public_id"]]
        assert amounts["discount_total"] == full[order["public_id"]] - amounts["sub_total"]
        parts = ("sub_total", "tax_total", "shipping_total")
        assert amounts["total"] == sum(amounts[part] for part in parts)
        assert all(str(amount).partition(".")[2].__len__() == 2 for amount in amounts.values())


def test_the_money_of_every_order_adds_up(past: World) -> None:
    assert_money_adds_up(past.truth("orders"), past.truth("items"))


def test_items_show_the_change_stamp_of_their_order(past: World) -> None:
    orders = {record["public_id"]: record for record in past.truth("orders")}
    for item in past.truth("items"):
        assert item["order_updated"] == orders[item["order"]]["updated"]


def test_a_live_subscription_has_one_delivery_ahead_and_a_cancelled_one_none(past: World) -> None:
    status = {record["public_id"]: record["status"] for record in past.truth("orders")}
    ahead: Counter[str] = Counter()
    for subscription, _ in {
        (item["subscription"], item["order"])
        for item in past.truth("items")
        if item["subscription"] and status[item["order"]] == 1
    }:
        ahead[subscription] += 1
    for subscription in past.truth("subscriptions"):
        expected = 1 if subscription["live"] else 0
        parts = 1 + len(subscription["components"])
        # components of a bundle can be moved to other days one by one
        assert expected <= ahead[subscription["public_id"]] <= expected * parts


def test_references_lead_somewhere(past: World) -> None:
    for name, entity in ENTITIES.items():
        for column in entity.columns:
            table, _, field = (column.references or "").partition(".")
            if table in ENTITIES and "[" not in field:
                known = {record[field] for record in past.truth(table)}
                named = {record[column.name] for record in past.truth(name)} - {None}
                gone = {row.key for row in past.deleted if row.entity == table}
                assert named <= known | gone, (name, column.name)


def test_a_change_never_lies_before_the_creation(past: World) -> None:
    for name in ENTITIES:
        for row in past.rows(name):
            assert row.created_at <= row.updated_at <= int(NOW.timestamp())


def test_cancelling_a_subscription_deletes_what_waits_and_keeps_the_subscription(
    world: World,
) -> None:
    subscription = subscriber(world)
    order, items = world.next_order(subscription), world.items_of(subscription)
    world.advance(hours=1)
    world.cancel_subscription(subscription, (4, "Overstocked"))
    assert world.find("orders", order) is None
    assert world.find("items", items[0]) is None
    assert {(row.entity, row.key) for row in world.deleted} == {
        ("orders", order),
        ("items", items[0]),
    }
    kept = one(world, "subscriptions", subscription)
    assert not kept["live"]
    assert kept["cancelled"] == kept["updated"] == "2025-06-02 11:00:00"
    assert kept["cancel_reason"] == "4|Overstocked"


def test_cancelling_one_of_two_subscriptions_leaves_the_box_to_the_other(world: World) -> None:
    customer = world.create_customer()
    leaving, staying = (world.subscribe(customer, product="0070000001") for _ in range(2))
    order = world.next_order(staying)
    assert world.next_order(leaving) == order
    world.advance(hours=1)
    world.cancel_subscription(leaving)
    assert one(world, "orders", order)["updated"] == "2025-06-02 11:00:00"
    assert_money_adds_up(world.truth("orders"), world.truth("items"))


def test_a_skip_deletes_items_and_makes_new_ones_for_the_next_order(world: World) -> None:
    subscription = subscriber(world, every=1, every_period=3)
    old_order, old_items = world.next_order(subscription), world.items_of(subscription)
    world.skip(subscription)
    assert world.find("items", old_items[0]) is None
    assert world.find("orders", old_order) is None
    assert world.items_of(subscription) != old_items
    assert one(world, "orders", world.next_order(subscription))["place"] == "2025-08-02 00:00:00"


def test_a_cancelled_order_stays_with_status_four(world: World) -> None:
    subscription = subscriber(world)
    order = world.next_order(subscription)
    world.cancel_order(order)
    record = one(world, "orders", order)
    assert (record["status"], record["cancelled"]) == (4, record["updated"])
    assert world.next_order(subscription) != order
    assert not world.deleted


def test_the_next_order_is_created_before_an_order_is_processed(world: World) -> None:
    subscription = subscriber(world, every=2, every_period=2)
    order = world.next_order(subscription)
    world.place_order(order, "pending")
    following = world.next_order(subscription)
    assert one(world, "orders", order)["status"] == 11
    assert one(world, "orders", following)["status"] == 1
    assert one(world, "orders", following)["place"] == "2025-06-30 00:00:00"
    world.place_order(order)
    done = one(world, "orders", order)
    assert (done["status"], done["tries"]) == (5, 1)
    assert done["order_merchant_id"]


def test_a_declined_card_is_tried_again_and_rejected_in_the_end(world: World) -> None:
    order = world.next_order(subscriber(world))
    seen = []
    for _ in range(5):
        world.place_order(order, "declined")
        seen.append(one(world, "orders", order)["status"])
    assert seen == [18, 18, 18, 18, 3]


def test_technical_errors_are_counted(world: World) -> None:
    order = world.next_order(subscriber(world))
    world.place_order(order, "error")
    world.place_order(order, "lost")
    record = one(world, "orders", order)
    assert (record["status"], record["tries"], record["generic_error_count"]) == (13, 2, 1)


def test_an_unknown_outcome_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="maybe"):
        world.place_order(world.next_order(subscriber(world)), "maybe")


@pytest.mark.parametrize("is_bumped", [True, False])
def test_whether_the_losing_orders_stamp_moves_is_a_switch(*, is_bumped: bool) -> None:
    world = World(customers=0, now=NOW, days=1, alive=False, loser_is_bumped=is_bumped)
    subscription = subscriber(world)
    order = world.next_order(subscription)
    world.add_upsell(order)
    world.advance(hours=1)
    gainer = world.move_item(world.items_of(subscription)[0])
    assert one(world, "orders", gainer)["updated"] == "2025-06-02 11:00:00"
    expected = "2025-06-02 11:00:00" if is_bumped else "2025-06-02 10:00:00"
    assert one(world, "orders", order)["updated"] == expected
    assert_money_adds_up(world.truth("orders"), world.truth("items"))


def test_an_order_that_loses_its_last_item_is_deleted(world: World) -> None:
    subscription = subscriber(world)
    order = world.next_order(subscription)
    item = world.items_of(subscription)[0]
    gainer = world.move_item(item)
    assert world.find("orders", order) is None
    assert one(world, "items", item)["order"] == gainer


def test_a_merged_order_names_the_order_it_went_into(world: World) -> None:
    customer = world.create_customer()
    first, second = (
        world.subscribe(customer, product="0070000001", every=every, every_period=2)
        for every in (2, 4)
    )
    source, target = world.next_order(first), world.next_order(second)
    world.merge(source, target)
    merged = one(world, "orders", source)
    assert merged["status"] == 17
    assert merged["extra_data"] == f'{{"merged_order_id": "{target}"}}'
    assert world.next_order(first) == target
    assert_money_adds_up(world.truth("orders"), world.truth("items"))


def test_deleting_an_order_takes_its_items_and_incentives_along(world: World) -> None:
    subscription = subscriber(world)
    order = world.next_order(subscription)
    world.grant(order)
    world.delete_order(order)
    assert Counter(row.entity for row in world.deleted) == {
        "orders": 1,
        "items": 1,
        "one_time_incentives": 1,
    }


def test_a_processed_order_can_not_be_deleted(world: World) -> None:
    order = world.next_order(subscriber(world))
    world.place_order(order)
    with pytest.raises(ValueError, match="waits"):
        world.delete_order(order)


def test_any_change_of_an_item_moves_its_orders_stamp(world: World) -> None:
    subscription = subscriber(world)
    order = world.next_order(subscription)
    changes = (
        lambda: world.change_quantity(subscription, 3),
        lambda: world.add_upsell(order),
        lambda: world.grant(order),
        lambda: world.change_price("0070000001", "77.01"),
        lambda: world.edit("items", world.items_of(subscription)[0], frozen=True),
    )
    for change in changes:
        before = one(world, "orders", order)["updated"]
        world.advance(seconds=1)
        change()
        assert one(world, "orders", order)["updated"] > before
    assert one(world, "items", world.items_of(subscription)[0])["price"] == "77.01"


def test_a_reactivated_subscription_has_an_order_again(world: World) -> None:
    subscription = subscriber(world)
    world.cancel_subscription(subscription)
    world.reactivate(subscription)
    assert one(world, "subscriptions", subscription)["cancelled"] is None
    assert one(world, "orders", world.next_order(subscription))["status"] == 1


def test_a_log_in_moves_the_customers_stamp(world: World) -> None:
    customer = world.create_customer()
    world.advance(minutes=5)
    world.touch_customer(customer)
    assert one(world, "customers", customer)["last_updated"] == "2025-06-02 10:05:00"


def test_truth_is_a_copy(world: World) -> None:
    world.create_customer()
    world.truth("customers")[0]["email"] = "changed"
    assert world.truth("customers")[0]["email"] != "changed"


def test_an_erased_record_is_gone_and_logged(world: World) -> None:
    customer = world.create_customer()
    world.erase("customers", customer)
    assert world.truth("customers") == []
    assert world.deleted[-1][:2] == ("customers", customer)


def test_life_goes_on_after_an_erasure() -> None:
    world = World(seed=3, customers=20, now=NOW, days=90)
    for customer in world.truth("customers"):
        world.erase("customers", customer["merchant_user_id"])
    for order in world.truth("orders")[::2]:
        world.erase("orders", order["public_id"])
    world.advance(days=60)
    assert_money_adds_up(world.truth("orders"), world.truth("items"))


def test_a_subscription_can_end_after_its_address_was_erased(world: World) -> None:
    subscription = subscriber(world)
    for name in ("addresses", "payments"):
        world.erase(name, world.truth(name)[0]["public_id"])
    world.cancel_subscription(subscription)
    assert not one(world, "subscriptions", subscription)["live"]


def test_withdrawing_an_incentive_makes_a_waiting_order_dearer(world: World) -> None:
    order = world.next_order(subscriber(world))
    before = one(world, "orders", order)["total"]
    incentive = world.grant(order)
    assert one(world, "orders", order)["total"] != before
    world.erase("one_time_incentives", incentive)
    assert one(world, "orders", order)["total"] == before


def test_the_night_shows_orders_on_their_way() -> None:
    world = World(seed=3, customers=150, now=NOW.replace(hour=9), days=120)
    seen = set()
    for _ in range(12):
        world.advance(hours=24)
        seen |= {record["status"] for record in world.truth("orders")}
    assert {1, 4, 5, 11, 18} <= seen


@pytest.mark.parametrize(
    ("zone", "instant", "shown"),
    [
        ("America/Chicago", datetime(2025, 3, 9, 7, 59, 59, tzinfo=UTC), "2025-03-09 01:59:59"),
        ("America/Chicago", datetime(2025, 3, 9, 8, 0, 0, tzinfo=UTC), "2025-03-09 03:00:00"),
        ("America/Chicago", datetime(2025, 11, 2, 6, 30, 0, tzinfo=UTC), "2025-11-02 01:30:00"),
        ("America/Chicago", datetime(2025, 11, 2, 7, 30, 0, tzinfo=UTC), "2025-11-02 01:30:00"),
        ("America/New_York", datetime(2025, 11, 2, 6, 30, 0, tzinfo=UTC), "2025-11-02 01:30:00"),
        ("EST", datetime(2025, 7, 1, 12, 0, 0, tzinfo=UTC), "2025-07-01 07:00:00"),
        ("UTC", datetime(2025, 7, 1, 12, 0, 0, tzinfo=UTC), "2025-07-01 12:00:00"),
    ],
)
def test_stamps_are_what_the_wall_shows(zone: str, instant: datetime, shown: str) -> None:
    assert WallClock(zone).text(int(instant.timestamp())) == shown


def test_stamps_run_backwards_in_the_autumn_hour_and_a_spring_hour_is_missing() -> None:
    autumn = World(customers=0, now=datetime(2025, 11, 2, 6, 50, tzinfo=UTC), days=1, alive=False)
    first = autumn.create_customer()
    autumn.advance(minutes=30)
    second = autumn.create_customer()
    assert one(autumn, "customers", second)["created"] < one(autumn, "customers", first)["created"]
    spring = World(customers=0, now=datetime(2025, 3, 9, 7, 30, tzinfo=UTC), days=1, alive=False)
    stamps = set()
    for _ in range(9):
        stamps.add(one(spring, "customers", spring.create_customer())["created"][11:13])
        spring.advance(minutes=10)
    assert stamps == {"01", "03"}


def test_a_wall_time_leads_back_to_its_instant() -> None:
    wall = WallClock("America/Chicago")
    for text in ("2025-06-02 10:00:00", "2025-11-02 01:30:00", "2025-03-09 01:59:59"):
        second = sum(
            int(part) * unit for part, unit in zip(text[11:].split(":"), (3600, 60, 1), strict=True)
        )
        assert wall.text(wall.instant(day_number(text), second)) == text
    assert wall.text(wall.instant(day_number("2025-03-09"), 2 * 3600 + 60)) == "2025-03-09 03:01:00"


@pytest.mark.parametrize(
    ("start", "every", "period", "then"),
    [
        ("2025-01-31", 1, 3, "2025-02-28"),
        ("2024-01-31", 1, 3, "2024-02-29"),
        ("2025-12-15", 2, 3, "2026-02-15"),
        ("2024-02-29", 1, 4, "2025-02-28"),
        ("2025-06-02", 10, 1, "2025-06-12"),
        ("2025-06-02", 2, 2, "2025-06-16"),
    ],
)
def test_deliveries_recur_by_the_calendar(start: str, every: int, period: int, then: str) -> None:
    assert later(day_number(start), every, period) == day_number(then)


def test_an_unknown_period_is_refused() -> None:
    with pytest.raises(ValueError, match="known: 1 days"):
        later(0, 1, 9)


@pytest.mark.parametrize(
    "text", ["2017-02-29", "2025-06-13T014:16:57", "2025-06-02T10:00:00Z", "yesterday", ""]
)
def test_what_is_no_time_is_no_filter(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|month|Invalid|range"):
        filter_text(text)


def test_a_bulk_world_adds_up_like_a_real_one() -> None:
    world = bulk_world(orders=400, now=NOW)
    assert_money_adds_up(world.truth("orders"), world.truth("items"))
    for name in ("customers", "addresses", "payments", "subscriptions", "orders", "items"):
        fields = {column.name for column in ENTITIES[name].columns}
        missing = fields - set(world.truth(name)[0]) - {"free_trial_subscription_context"}
        assert not missing
        for row in world.rows(name)[::7]:
            found = world.find(name, str(row.record[ENTITIES[name].key[0]]))
            assert found == row
    assert world.find("orders", "0" * 32) is None
    assert world.find("orders", "no id") is None


def test_a_bulk_world_shows_what_was_touched_as_changed() -> None:
    world = bulk_world(orders=400, now=NOW)
    world.advance(hours=3)
    assert world.touch("orders", every=10) == 40
    changed = world.changed("orders", "2025-06-02 12:00:00", "9")
    assert [row.serial for row in changed] == [*range(0, 400, 10)]
    assert len(world.changed("items", "2025-06-02 12:00:00", "9")) == 40
