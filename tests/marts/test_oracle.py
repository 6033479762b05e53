"""Every metric a second time, in plain Python from the merchant's own books: equal to the cent.

Three merchants live for two years, with cancellations and returns, merges, moves, failed payments,
prepaid deliveries and two currencies.
"""

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from pipelines.ordergroove.sql_layer.views import check
from tests.marts.conftest import Shop
from tests.marts.oracle import ZERO, day, month_of


def test_the_life_has_in_it_what_is_to_be_counted(shop: Shop) -> None:
    oracle = shop.oracle
    statuses = Counter(order["status"] for order in oracle.orders.values())
    assert {1, 3, 4, 5, 11, 17, 18} <= statuses.keys()
    assert any(len(spans) > 1 for spans in oracle.customer_spans.values())
    assert {row["currency_code"] for row in oracle.subscriptions.values()} == {"USD", "CAD"}
    assert any(row["prepaid_subscription_context"] for row in oracle.subscriptions.values())
    kinds = Counter(kind for kind, *_ in oracle.movements().values())
    assert kinds.keys() >= {"new", "reactivation", "churn", "expansion", "contraction"}


def test_all_checks_hold(shop: Shop) -> None:
    assert [found for found in check(shop.database) if found.offenders or found.error] == []


def test_subscribers_of_every_day(shop: Shop) -> None:
    found = shop.ask(
        "select date_day, new_subscribers, reactivated_subscribers, cancelled_subscribers,"
        " subscribers_at_end from fct_subscribers_daily"
    )
    assert {row[0]: row[1:] for row in found} == shop.oracle.subscribers_daily()


def test_subscriptions_of_every_day_and_product(shop: Shop) -> None:
    found: dict[dt.date, dict[str, int]] = defaultdict(dict)
    for date, product, count in shop.ask(
        "select date_day, product_id, subscriptions_at_end from fct_subscriptions_daily"
    ):
        found[date] |= {product: count} if count else {}
    assert found == {date: shop.oracle.subscriptions_daily(date) for date in found}


def test_run_rate_and_realised_revenue_of_every_month(shop: Shop) -> None:
    expected: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for month in shop.oracle.months:
        for (_, product, currency), rate in shop.oracle.run_rates(month).items():
            expected[month, product, currency][0] += rate
    for place, revenue in shop.oracle.realised().items():
        expected[place][1] += revenue
    found = shop.ask(
        "select month_start_date, product_id, currency_code, run_rate, realised"
        " from fct_mrr_monthly"
    )
    assert {row[:3]: [*row[3:]] for row in found} == expected


def test_movements_of_every_customer_and_month(shop: Shop) -> None:
    found = shop.ask(
        "select customer_id, month_start_date, currency_code, movement, mrr_before, mrr_after"
        " from fct_mrr_movements"
    )
    assert {row[:3]: row[3:] for row in found} == shop.oracle.movements()


def test_cohorts_of_customers(shop: Shop) -> None:
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    for cohort, months, measure, size, retained in shop.ask(
        "select cohort_month, months_after, measure, cohort_size, retained"
        " from fct_retention_cohorts where is_mature"
    ):
        found[cohort, months] |= {"size": size, measure: retained}
    assert {
        place: (numbers["size"], numbers["active"], numbers["unbroken"])
        for place, numbers in found.items()
    } == shop.oracle.cohorts()


def test_an_unfinished_month_has_no_retention_yet(shop: Shop) -> None:
    found = shop.ask("select distinct retained from fct_retention_cohorts where not is_mature")
    assert found == [(None,)]


def test_orders_that_cohorts_of_subscriptions_got(shop: Shop) -> None:
    found = shop.ask(
        "select cohort_month, order_number, eligible, retained from fct_order_retention"
    )
    assert {row[:2]: row[2:] for row in found} == shop.oracle.order_retention()


def test_orders_of_every_day_by_what_became_of_them(shop: Shop) -> None:
    expected: dict[Any, Counter[str]] = defaultdict(Counter)
    for order in shop.oracle.orders.values():
        status, tries = order["status"], order["tries"]
        if status in (1, 17) or (status == 4 and not tries):
            continue
        kind = {3: "rejected", 4: "cancelled"}.get(status, "open")
        if status == 5:
            kind = "first" if tries <= 1 else "later"
        place = day(order["place"]), order["currency_code"]
        expected[place][kind] += 1
        expected[place]["cents"] += int(Decimal(order["sub_total"]) * 100)
    found = shop.ask(
        "select place_date, currency_code, sum(succeeded_first_try), sum(succeeded_later),"
        " sum(still_open), sum(rejected), sum(cancelled), sum(revenue_sent)"
        " from fct_placement_daily group by all"
    )
    names = ("first", "later", "open", "rejected", "cancelled")
    assert {
        row[:2]: dict(zip(names, map(int, row[2:7]), strict=True)) | {"cents": int(row[7] * 100)}
        for row in found
    } == {
        place: {name: counts[name] for name in (*names, "cents")}
        for place, counts in expected.items()
    }


def test_dunning_follows_every_order_whose_payment_failed(shop: Shop) -> None:
    expected = {}
    for key, order in shop.oracle.orders.items():
        message = order["rejected_message"] or ""
        retried = order["status"] == 5 and order["tries"] > 1 and not order["generic_error_count"]
        if order["status"] == 18 or "140" in message or retried:
            outcome = {5: "recovered", 3: "rejected", 4: "cancelled"}.get(order["status"], "open")
            expected[key] = (outcome, order["tries"], Decimal(order["sub_total"]))
    found = shop.ask("select order_id, outcome, attempts, revenue from fct_dunning")
    assert {row[0]: row[1:] for row in found} == expected


def test_customers_with_their_first_day_orders_and_revenue(shop: Shop) -> None:
    paid: dict[str, list[Decimal]] = defaultdict(list)
    for order in shop.oracle.orders.values():
        if order["status"] == 5:
            paid[order["customer"]].append(Decimal(order["sub_total"]))
    expected = {}
    for row in shop.oracle.truth["customers"]:
        key = row["merchant_user_id"]
        spans = shop.oracle.customer_spans.get(key, [])
        expected[key] = (
            month_of(spans[0][0]) if spans else None,
            bool(spans) and spans[-1][1] is None,
            len(spans),
            len(paid[key]),
            sum(paid[key], ZERO) if paid[key] else None,
        )
    found = shop.ask(
        "select customer_id, cohort_month, is_active, spells, successful_orders, observed_ltv"
        " from dim_customers"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_subscriptions_with_their_value_now(shop: Shop) -> None:
    month = month_of(shop.oracle.today)
    expected = {}
    for key, record in shop.oracle.subscriptions.items():
        waiting = [
            day(one.order["place"])
            for one in shop.oracle.deliveries[key]
            if one.order["status"] in (1, 6, 11, 18)
        ]
        expected[key] = (
            shop.oracle.value(key, shop.oracle.today)[0],
            shop.oracle.mrr(key, month) if record["live"] else ZERO,
            min(waiting, default=None),
        )
    found = shop.ask(
        "select subscription_id, unit_value, mrr, next_order_date from dim_subscriptions"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_what_is_still_to_be_shipped(shop: Shop) -> None:
    expected = {
        item["public_id"]: (
            item["product"] or shop.oracle.subscriptions[item["subscription"]]["product"],
            day(shop.oracle.orders[item["order"]]["place"]),
            item["quantity"],
            Decimal(item["total_price"]),
        )
        for item in shop.oracle.truth["items"]
        if shop.oracle.orders[item["order"]]["status"] in (1, 6, 11, 18)
    }
    found = shop.ask(
        "select item_id, product_id, place_date, quantity, total_price from fct_upcoming_orders"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_what_offers_cost(shop: Shop) -> None:
    expected: dict[Any, list[Any]] = defaultdict(lambda: [set(), ZERO, ZERO])
    for item in shop.oracle.truth["items"]:
        order = shop.oracle.orders[item["order"]]
        if order["status"] == 5 and item["offer"]:
            place = item["offer"], month_of(day(order["place"])), order["currency_code"]
            total = Decimal(item["total_price"])
            expected[place][0].add(item["order"])
            expected[place][1] += Decimal(item["price"]) * item["quantity"] - total
            expected[place][2] += total
    found = shop.ask(
        "select incentive_id, month_start_date, currency_code, orders, discount, revenue"
        " from fct_incentives where incentive_type = 'offer'"
    )
    assert {row[:3]: [*row[3:]] for row in found} == {
        place: [len(orders), discount, revenue]
        for place, (orders, discount, revenue) in expected.items()
    }


def test_merged_orders_lead_to_the_order_that_was_sent(shop: Shop) -> None:
    found = dict(
        shop.ask("select order_id, merged_into_order_id from fct_orders where status_code = 17")
    )
    assert found
    for key, into in found.items():
        order = shop.oracle.orders[key]
        while order["status"] == 17:
            followed = order["extra_data"].split('"')[3]
            if followed not in shop.oracle.orders:
                break
            order = shop.oracle.orders[followed]
        assert into == order["public_id"] or into not in shop.oracle.orders
