"""The shipped queries: each runs on the views, and its numbers are those of the truth.

The truth is told in Python from the sandbox's records, by day where the SQL counts in months.
"""

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlglot import exp

from pipelines.ordergroove.demo import query_text
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import InWarehouse, create_table
from pipelines.ordergroove.sql_layer.dialects import offences, parsed, tables_in
from pipelines.ordergroove.sql_layer.relations import inputs
from pipelines.ordergroove.targets.duckdb_file import DuckDatabase
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import World
from tests.marts.shops import ZONE, warehouse_of

NOW = dt.datetime(2026, 6, 10, 18, tzinfo=dt.UTC)
QUERIES = sorted(
    path.stem for path in (Path(__file__).parents[1] / "sql/ordergroove/queries").iterdir()
)
COLUMNS = {
    "cancel_reasons": "cancel_reason_code cancel_reason subscriptions share_percent"
    " involuntary last_cancelled_date",
    "churn_by_month": "month_start_date subscribers lost churn_percent",
    "failed_orders_by_month": "month_start_date outcome reason currency_code orders"
    " revenue_at_stake",
    "freshness": "entity last_read_at last_attempt_at last_status last_rows",
    "revenue_by_month": "month_start_date currency_code orders revenue",
    "subscribers": "subscribers active_subscriptions",
    "subscriptions_by_product": "product_id product_name active_subscriptions subscribers units",
    "upcoming_orders": "days currency_code orders units revenue",
}
MONEY = {"revenue", "revenue_at_stake"}
STAYING = {"freshness", "churn_by_month"}
"""What tells of the past: a subscription was one until its deletion was noticed."""

VIEWS = ("dim_", "fct_", "meta_", "stg_", "int_as_of")

Connection = duckdb.DuckDBPyConnection
Record = dict[str, Any]


class Shop:
    """A made-up merchant and the warehouse that holds all of it."""

    def __init__(self, world: World, warehouse: Connection) -> None:
        self.truth: dict[str, list[Record]] = {name: world.truth(name) for name in ENTITIES}
        self.warehouse = warehouse

    def ask(self, name: str) -> list[tuple[Any, ...]]:
        return self.warehouse.execute(query_text(name)).fetchall()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    world = World(seed=3, customers=90, zone=ZONE, now=NOW, days=500)
    with warehouse_of(world, tmp_path_factory.mktemp("warehouse")) as database:
        connection = database.warehouse.connection
        connection.execute("use ordergroove")
        yield Shop(world, connection)


class Tables:
    """Raw tables that a test fills by hand, for what a made-up merchant does not do by itself."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        engine = DuckDatabase(connection=connection, dataset="main", path=Path("nowhere"))
        database = InWarehouse(warehouse=Warehouse(engine))
        for name in (*ENTITIES, "sync_windows"):
            statement = create_table(database, name, inputs()[name], ["entity"])
            connection.execute(statement.partition(", primary key")[0] + ")")
        assert views.apply(database, zone=ZONE, today=NOW.date()).failed == []

    def put(self, table: str, key: str, **fields: object) -> None:
        """Its instants are those of its stamps in New York's winter."""
        given = {ENTITIES[table].key[0]: key} | fields
        stamps = [name for name in given if f"{name}_utc" in inputs()[table]]
        given |= {f"{name}_utc": f"{given[name]}-05" for name in stamps}
        names = ", ".join(f'"{name}"' for name in given)
        marks = ", ".join("?" for _ in given)
        self.connection.execute(
            f"insert into {table} ({names}) values ({marks})", [*given.values()]
        )

    def ask(self, name: str, today: str = "2026-06-10") -> list[tuple[Any, ...]]:
        """The answer of a warehouse that was last synced in that day's evening."""
        opened = f"insert into sync_windows (entity, opened_at) values ('orders', '{today} 23:00')"
        self.connection.execute(opened)
        return self.connection.execute(query_text(name)).fetchall()


@pytest.fixture(scope="module")
def empty() -> Iterator[Tables]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        yield Tables(connection)


@pytest.fixture
def tables(empty: Tables) -> Iterator[Tables]:
    empty.connection.execute("begin")
    yield empty
    empty.connection.execute("rollback")


def month_of(stamp: str) -> dt.date:
    return dt.date.fromisoformat(stamp[:10]).replace(day=1)


def money(record: Record) -> Decimal:
    return Decimal(record["sub_total"])


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_one_statement_that_first_says_its_grain(name: str) -> None:
    text = query_text(name)
    assert re.match(r"-- [a-z ]+: one row", text)
    assert len(duckdb.extract_statements(text)) == 1
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_views_only_and_in_words_that_every_engine_has(name: str) -> None:
    query = parsed(query_text(name))
    # `||` means `or` in MariaDB; `concat` is the same everywhere, but no word of the views
    assert set(offences(query)) <= {"Concat"}
    assert query.find(exp.DPipe) is None
    assert all(table.startswith(VIEWS) for table in tables_in(query))


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_answers_with_its_columns_and_with_money_as_decimals(name: str, shop: Shop) -> None:
    cursor = shop.warehouse.execute(query_text(name))
    described = {column[0]: str(column[1]) for column in cursor.description}
    assert list(described) == COLUMNS[name].split()
    assert all(described[column].startswith("DECIMAL") for column in MONEY & set(described))
    assert cursor.fetchall()


@pytest.mark.parametrize("name", QUERIES)
def test_an_answer_does_not_depend_on_the_zone_of_the_machine_that_asks(
    name: str, shop: Shop
) -> None:
    answers = []
    for zone in ("Asia/Tokyo", "America/Los_Angeles"):
        shop.warehouse.execute(f"set TimeZone = '{zone}'")
        answers.append(shop.ask(name))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", [name for name in QUERIES if name not in STAYING])
def test_rows_marked_as_deleted_count_nowhere(name: str, shop: Shop) -> None:
    shop.warehouse.execute("begin")
    try:
        for entity in ENTITIES:
            shop.warehouse.execute(f"update {entity} set _deleted_at = _synced_at")
        assert shop.ask(name) in ([], [(0, 0)])
    finally:
        shop.warehouse.execute("rollback")


def test_subscribers_are_the_customers_of_live_subscriptions(shop: Shop) -> None:
    live = [record for record in shop.truth["subscriptions"] if record["live"]]
    assert shop.ask("subscribers") == [(len({record["customer"] for record in live}), len(live))]


def test_revenue_is_the_net_value_of_successful_orders_in_the_month_they_were_placed(
    shop: Shop,
) -> None:
    months: dict[dt.date, list[Decimal]] = defaultdict(list)
    for order in shop.truth["orders"]:
        if order["status"] == 5:
            months[month_of(order["place"])].append(money(order))
    expected = [(month, "USD", len(paid), sum(paid)) for month, paid in months.items()]
    assert shop.ask("revenue_by_month") == sorted(expected, reverse=True)


def test_churn_is_the_share_of_a_months_first_subscribers_that_its_end_does_not_see(
    shop: Shop,
) -> None:
    def active(day: dt.date) -> set[str]:
        """Who had a subscription when that day began."""
        return {
            record["customer"]
            for record in shop.truth["subscriptions"]
            if record["start_date"] < f"{day}"
            and (record["live"] or record["cancelled"] > f"{day}")
        }

    expected = []
    for number in range(12 * 2025, 12 * 2026 + 5):
        first = dt.date(number // 12, number % 12 + 1, 1)
        before, after = active(first), active((first + dt.timedelta(days=31)).replace(day=1))
        if before:
            lost = len(before - after)
            expected.append((first, len(before), lost, percent(lost, len(before))))
    assert sum(row[2] for row in expected) > 0
    assert shop.ask("churn_by_month") == expected[::-1]


def percent(part: int, whole: int) -> Decimal:
    # as floats are rounded, not as decimals are
    return Decimal(f"{100 * part / whole:.2f}")


def test_products_show_who_is_subscribed_to_them_and_to_how_many(shop: Shop) -> None:
    names = {record["external_product_id"]: record["name"] for record in shop.truth["products"]}
    live = [record for record in shop.truth["subscriptions"] if record["live"]]
    expected = []
    for product in {record["product"] for record in live}:
        chosen = [record for record in live if record["product"] == product]
        customers = {record["customer"] for record in chosen}
        units = sum(record["quantity"] for record in chosen)
        expected.append((product, names[product], len(chosen), len(customers), units))
    expected.sort(key=lambda row: (-row[2], row[0]))
    assert shop.ask("subscriptions_by_product") == expected


def test_orders_to_come_are_the_unsent_ones_up_to_the_horizon(shop: Shop) -> None:
    expected = []
    for days in (14, 30):
        end = f"{NOW.date() + dt.timedelta(days=days)}"
        waiting = {
            order["public_id"]: money(order)
            for order in shop.truth["orders"]
            if order["status"] in (1, 6, 11, 18) and order["place"] < end
        }
        units = sum(item["quantity"] for item in shop.truth["items"] if item["order"] in waiting)
        expected.append((days, "USD", len(waiting), units, sum(waiting.values())))
    assert shop.ask("upcoming_orders") == expected


def test_failed_orders_are_counted_by_what_became_of_them_and_why(shop: Shop) -> None:
    outcomes = {
        3: "rejected",
        13: "connection error",
        15: "generic error",
        18: "card retry",
    }
    failed = [order for order in shop.truth["orders"] if order["status"] in outcomes]
    expected = Counter((month_of(order["place"]), outcomes[order["status"]]) for order in failed)
    found = shop.ask("failed_orders_by_month")
    assert {row[:2]: row[4] for row in found} == expected
    assert {row[2] for row in found} == {"declined"}
    assert sum(row[5] for row in found) == sum(map(money, failed))


def test_cancellations_are_counted_by_reason_however_its_code_is_written(shop: Shop) -> None:
    reasons = Counter(
        tuple(record["cancel_reason"].split("|", 1))
        for record in shop.truth["subscriptions"]
        if not record["live"]
    )
    found = shop.ask("cancel_reasons")
    assert {row[:2]: row[2] for row in found} == reasons
    assert [row[2] for row in found] == sorted(reasons.values(), reverse=True)


def test_freshness_tells_of_every_entity_when_its_newest_finished_read_began(shop: Shop) -> None:
    found = shop.ask("freshness")
    assert {row[0]: row[3:] for row in found} == {
        name: ("done", len(records)) for name, records in shop.truth.items()
    }
    assert all(abs(row[1] - NOW) < dt.timedelta(minutes=5) for row in found)


def test_who_changes_from_one_subscription_to_another_is_not_lost(tables: Tables) -> None:
    old = {"created": "2026-03-05 08:00:00", "cancelled": "2026-04-10 08:00:00", "live": False}
    tables.put("subscriptions", "old", customer="changes", **old)
    tables.put("subscriptions", "other", customer="leaves", **old)
    new = {"created": "2026-04-20 08:00:00", "live": True}
    tables.put("subscriptions", "new", customer="changes", **new)
    april = (dt.date(2026, 4, 1), 2, 1, Decimal("50.00"))
    assert tables.ask("churn_by_month", "2026-05-02") == [april]


def test_who_comes_and_goes_within_a_month_is_in_no_churn(tables: Tables) -> None:
    stays = {"created": "2026-03-05 08:00:00", "live": True}
    tables.put("subscriptions", "stays", customer="stays", **stays)
    brief = {"created": "2026-04-05 08:00:00", "cancelled": "2026-04-10 08:00:00", "live": False}
    tables.put("subscriptions", "brief", customer="brief", **brief)
    april = (dt.date(2026, 4, 1), 1, 0, Decimal("0.00"))
    assert tables.ask("churn_by_month", "2026-05-02") == [april]


def test_a_subscription_that_was_moved_in_counts_from_its_own_start(tables: Tables) -> None:
    moved = {"start_date": "2025-12-24", "created": "2026-01-20 08:00:00"}
    tables.put("subscriptions", "moved", customer="moved", live=True, **moved)
    other = {"created": "2026-01-02 08:00:00", "live": True}
    tables.put("subscriptions", "other", customer="other", **other)
    found = tables.ask("churn_by_month", "2026-02-15")
    assert [row[:2] for row in found] == [(dt.date(2026, 1, 1), 1)]


def test_a_month_that_is_not_over_has_no_churn(tables: Tables) -> None:
    left = {"created": "2026-03-05 08:00:00", "cancelled": "2026-04-10 08:00:00", "live": False}
    tables.put("subscriptions", "left", customer="leaves", **left)
    assert tables.ask("churn_by_month", "2026-04-30") == []


def test_a_subscription_of_tomorrow_is_none_yet(tables: Tables) -> None:
    for key, start in (("today", "2026-06-10"), ("tomorrow", "2026-06-11")):
        begun = {"start_date": start, "created": "2026-06-01 08:00:00"}
        tables.put("subscriptions", key, customer=key, product="A", quantity=2, live=True, **begun)
    assert tables.ask("subscribers") == [(1, 1)]
    assert tables.ask("subscriptions_by_product") == [("A", None, 1, 1, 2)]


def test_currencies_are_never_added_up(tables: Tables) -> None:
    for key, currency, value in (("1", "USD", 10), ("2", "CAD", 7), ("3", "USD", 5)):
        placed = {"place": "2026-05-31 23:59:59", "currency_code": currency}
        tables.put("orders", key, status=5, sub_total=value, **placed)
    may = dt.date(2026, 5, 1)
    assert tables.ask("revenue_by_month") == [(may, "CAD", 1, 7), (may, "USD", 2, 15)]


def test_revenue_without_a_sub_total_is_the_total_without_shipping_and_tax(
    tables: Tables,
) -> None:
    totals = {"total": "27.03", "shipping_total": "4.95", "tax_total": "1.08"}
    placed = {"place": "2026-05-31 08:00:00", "currency_code": "USD"}
    tables.put("orders", "1", status=5, **placed, **totals)
    may = (dt.date(2026, 5, 1), "USD", 1, Decimal("21.00"))
    assert tables.ask("revenue_by_month") == [may]


@pytest.mark.parametrize("status", [1, 3, 4, 11, 17, 18, 42])
def test_only_success_is_revenue(status: int, tables: Tables) -> None:
    tables.put("orders", "1", status=status, place="2026-05-31 08:00:00", sub_total=10)
    assert tables.ask("revenue_by_month") == []


def test_an_overdue_order_is_still_to_come_and_one_beyond_the_horizon_is_not(
    tables: Tables,
) -> None:
    for place in ("2026-06-01", "2026-06-23", "2026-06-24", "2026-07-10"):
        tables.put("orders", place, status=1, place=f"{place} 08:00:00", currency_code="USD")
        tables.put("items", place, order=place, quantity=3, total_price=1)
    assert tables.ask("upcoming_orders") == [
        (14, "USD", 2, 6, 2),
        (30, "USD", 3, 9, 3),
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('{"message": "Card was declined.", "code": "140"}', "declined"),
        ("120: the card ran out", "card expired"),
        ("order 91402 was refused", "not told"),
        ("", "not told"),
    ],
)
def test_a_failures_reason_is_found_in_plain_text_and_in_json(
    message: str, reason: str, tables: Tables
) -> None:
    failed = {"place": "2026-05-31 08:00:00", "rejected_message": message}
    tables.put("orders", "1", status=3, sub_total=1, **failed)
    assert [row[2] for row in tables.ask("failed_orders_by_month")] == [reason]


def test_a_reason_in_the_customers_own_words_is_not_shown(tables: Tables) -> None:
    for words in ("my cat", "my dog"):
        given = {"cancel_reason": f"9|{words}", "cancel_reason_code": "9|"}
        days = {"created": "2026-03-05 08:00:00", "cancelled": "2026-04-10 08:00:00"}
        tables.put("subscriptions", words, live=False, **given, **days)
    assert tables.ask("cancel_reasons") == [("9", None, 2, 100, 0, dt.date(2026, 4, 10))]


def test_a_product_that_was_not_synced_is_counted_without_a_name(tables: Tables) -> None:
    begun = {"created": "2026-03-05 08:00:00", "live": True}
    tables.put("subscriptions", "1", customer="1", product="A", quantity=2, **begun)
    assert tables.ask("subscriptions_by_product") == [("A", None, 1, 1, 2)]
