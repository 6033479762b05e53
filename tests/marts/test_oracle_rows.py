"""The rows that metrics are counted from, against the merchant's own books: one by one."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.marts.conftest import Shop
from tests.marts.oracle import ZERO, Oracle, Record, day, month_of, rounded

MONTH = dt.timedelta(days=30)


def items_of(oracle: Oracle) -> Mapping[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for item in oracle.truth["items"]:
        found[item["order"]].append(item)
    return found


def test_every_order_with_its_amounts(shop: Shop) -> None:
    items = items_of(shop.oracle)
    expected = {}
    for key, order in shop.oracle.orders.items():
        totals = [Decimal(item["total_price"]) for item in items[key]]
        was_sent = order["status"] not in (1, 17) and (order["status"], order["tries"]) != (4, 0)
        expected[key] = (
            order["status"], day(order["place"]), order["currency_code"], order["tries"],
            *(Decimal(order[name]) for name in ("sub_total", "tax_total", "shipping_total",
                                                "discount_total", "total")),
            len(totals), sum(item["quantity"] for item in items[key]), sum(totals, ZERO),
            was_sent and order["status"] == 5 and order["tries"] == 1,
        )  # fmt: skip
    found = shop.ask(
        "select order_id, status_code, place_date, currency_code, tries, revenue, tax_total,"
        " shipping_total, discount_total, total, item_count, units, coalesce(items_total, 0),"
        " coalesce(is_first_try, false) from fct_orders"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_every_item_with_its_product(shop: Shop) -> None:
    expected = {
        item["public_id"]: (
            item["order"],
            item["subscription"],
            item["product"] or shop.oracle.subscriptions[item["subscription"]]["product"],
            item["quantity"],
            Decimal(item["price"]),
            Decimal(item["total_price"]),
            item["one_time"],
        )
        for item in shop.oracle.truth["items"]
    }
    found = shop.ask(
        "select item_id, order_id, subscription_id, product_id, quantity, price, total_price,"
        " is_one_time from fct_order_items"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_every_product_with_who_subscribes_to_it(shop: Shop) -> None:
    oracle = shop.oracle
    active: dict[str, list[Record]] = defaultdict(list)
    for key in oracle.subscriptions_at(oracle.today):
        active[oracle.subscriptions[key]["product"]].append(oracle.subscriptions[key])
    expected = {
        row["external_product_id"]: (
            len(those := active[row["external_product_id"]]),
            len({one["customer"] for one in those}),
            sum(one["quantity"] for one in those),
        )
        for row in oracle.truth["products"]
    }
    assert any(count for count, *_ in expected.values())
    found = shop.ask(
        "select product_id, active_subscriptions, subscribers, units from dim_products"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_every_stretch_of_every_subscription(shop: Shop) -> None:
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for key, start, end, is_current in shop.ask(
        "select subscription_id, start_date, end_date, is_current from fct_subscription_spells"
        " where is_counted order by subscription_id, spell_number"
    ):
        assert is_current == (end is None)
        found[key].append((start, end))
    assert found == {key: spans for key, spans in shop.oracle.spans.items() if spans}
    assert any(len(spans) > 1 for spans in found.values())


def test_why_every_subscription_that_is_over_ended(shop: Shop) -> None:
    expected = {
        key: (reason_of(record), churn_of(shop.oracle, key))
        for key, record in shop.oracle.subscriptions.items()
        if not record["live"]
    }
    found = shop.ask(
        "select subscription_id, cancel_reason_code, churn_type from dim_subscriptions"
        " where not is_live"
    )
    assert {row[0]: row[1:] for row in found} == expected


def churn_of(oracle: Oracle, key: str) -> str:
    """Involuntary after an order that could not be paid, else as the customer said."""
    record = oracle.subscriptions[key]
    end = day(record["cancelled"])
    tried = [
        one.order
        for one in oracle.deliveries[key]
        if one.order["status"] not in (1, 17) and day(one.order["place"]) <= end
    ]
    is_unpaid = bool(tried) and tried[-1]["status"] in (3, 18)
    if is_unpaid and end - day(tried[-1]["place"]) <= MONTH:
        return "involuntary"
    return "voluntary" if reason_of(record) else "unknown"


def reason_of(record: Record) -> str | None:
    """The code, which a bar may part from the customer's own words."""
    return (record["cancel_reason_code"] or "").partition("|")[0] or None


def test_the_rates_of_every_day(shop: Shop) -> None:
    def share(part: int, whole: int) -> Decimal | None:
        return rounded(Decimal(part) / whole, "0.000001") if whole else None

    expected, start = {}, 0
    for date, (new, back, gone, end) in shop.oracle.subscribers_daily().items():
        expected[date] = (start, start + new - gone, share(gone, end), share(gone, start))
        assert end == start + new + back - gone
        start = end
    found = shop.ask(
        "select date_day, subscribers_at_start, dashboard_at_end, cancellation_rate, churn_rate"
        " from fct_subscribers_daily"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_what_one_time_incentives_cost(shop: Shop) -> None:
    oracle = shop.oracle
    orders_of = {item["public_id"]: item["order"] for item in oracle.truth["items"]}
    expected: dict[Any, list[Any]] = defaultdict(lambda: [set(), ZERO, ZERO])
    for used in oracle.truth["one_time_incentives"]:
        key = used["order"] or orders_of.get(used["item"])
        order = oracle.orders.get(key) if key else None
        if order and order["status"] == 5:
            place = month_of(day(order["place"])), order["currency_code"]
            sums = expected[(used["external_code"], *place)]
            sums[0].add(key)
            sums[1] += Decimal(order["discount_total"])
            sums[2] += Decimal(order["sub_total"])
    found = shop.ask(
        "select incentive_id, month_start_date, currency_code, sum(orders), sum(discount),"
        " sum(revenue) from fct_incentives where incentive_type = 'one-time' group by all"
    )
    assert {row[:3]: [*row[3:]] for row in found} == {
        place: [len(keys), discount, revenue]
        for place, (keys, discount, revenue) in expected.items()
    }


def test_orders_that_were_skipped_as_far_as_they_left_a_trace(shop: Shop) -> None:
    expected = {
        f"{key}:cancelled": (order["customer"], day(order["place"]))
        for key, order in shop.oracle.orders.items()
        if order["status"] == 4 and not order["tries"]
    }
    found = shop.ask(
        "select action_id, customer_id, place_date from fct_skips_and_changes where act = 'skip'"
    )
    assert 0 < len(expected) < sum(order["status"] == 4 for order in shop.oracle.orders.values())
    assert {row[0]: row[1:] for row in found} == expected


def test_how_long_a_recovery_took(shop: Shop) -> None:
    items = items_of(shop.oracle)
    found = dict(
        shop.ask("select order_id, days_to_recover from fct_dunning where outcome = 'recovered'")
    )
    assert found
    for key, days in found.items():
        done = max(day(item["first_placed"]) for item in items[key])
        assert days == (done - day(shop.oracle.orders[key]["place"])).days


def test_events_tell_of_every_end_and_every_return(shop: Shop) -> None:
    witness = shop.oracle.witness
    assert witness
    expected = Counter((key, f"subscription.{what}") for key, what, _ in witness.flips)
    found = Counter(
        shop.ask(
            "select subscription_id, event_type from fct_subscription_events"
            " where event_type <> 'subscription.create' and source = 'webhook'"
        )
    )
    assert found == expected
    began = shop.ask(
        "select subscription_id from fct_subscription_events"
        " where event_type = 'subscription.create'"
    )
    assert sorted(key for (key,) in began) == sorted(shop.oracle.subscriptions)
