"""What real merchants have in their books: no view fails on it, and each oddity can be seen."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.sql_layer.models import Model, checks, models
from pipelines.ordergroove.sql_layer.views import check
from sources.ordergroove.sandbox import World
from tests.marts.odd_books import NOW, ODD_HOURS, Books
from tests.marts.shops import warehouse_of


@dataclass(frozen=True)
class Shop:
    books: Books
    odd: dict[str, str]
    database: InWarehouse
    offenders: dict[str, dict[str, str]]
    """What the checks found, by check and key."""

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return ask(self.database, sql)

    def found(self, check_name: str, *oddities: str) -> set[str]:
        """The problems that a check has with these records, and with no others."""
        keys = {self.odd[name] for name in oddities}
        found = self.offenders.get(check_name, {})
        assert found.keys() == keys
        return set(found.values())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    books = Books()
    odd = books.spoil()
    with warehouse_of(books.world, tmp_path_factory.mktemp("shop")) as database:
        yield Shop(books, odd, database, offenders(database))


def ask(database: InWarehouse, sql: str) -> list[tuple[Any, ...]]:
    session = database.warehouse.connection.cursor()
    return list(session.execute(f"use {database.dataset}; {sql}").fetchall())


def offenders(database: InWarehouse) -> dict[str, dict[str, str]]:
    """What each check that is not content found; every one of them can be run."""
    found = check(database)
    assert [result for result in found if result.error] == []
    return {result.name: dict(result.examples) for result in found if result.offenders}


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_no_view_fails_on_odd_books(model: Model, shop: Shop) -> None:
    shop.ask(f"select * from {model.name}")


def test_only_what_is_odd_offends(shop: Shop) -> None:
    assert shop.offenders.keys() <= {
        "customers_are_known",
        "items_have_a_quantity",
        "orders_are_worth_their_items",
        "orders_have_a_day",
        "orders_have_items",
        "orders_have_known_statuses",
        "products_are_known",
        "subscriptions_end_after_they_begin",
        "subscriptions_have_a_rhythm",
        "subscriptions_have_a_value",
    }


def test_an_unknown_status_is_kept_and_shown(shop: Shop) -> None:
    assert shop.found("orders_have_known_statuses", "unknown status") == {"status 42"}
    found = shop.ask(
        "select status_name, is_open, is_sent, is_successful from fct_orders"
        f" where order_id = '{shop.odd['unknown status']}'"
    )
    assert found == [("unknown", False, True, False)]


def test_an_order_without_items_is_shown_and_counts_as_an_order(shop: Shop) -> None:
    assert shop.found("orders_have_items", "no items") == {"an order without items"}
    order = shop.odd["no items"]
    assert shop.ask(f"select units from fct_orders where order_id = '{order}'") == [(0,)]


def test_orphans_are_shown_and_counted(shop: Shop) -> None:
    shop.found("customers_are_known", "no customer")
    shop.found("products_are_known", "no product")
    customer = shop.odd["no customer"]
    counted = shop.ask(
        f"select count(*) from fct_subscription_spells where customer_id = '{customer}'"
    )
    assert counted[0][0] > 0


def test_nulls_are_shown(shop: Shop) -> None:
    assert shop.found("orders_have_a_day", "nulls in order") == {"no place date"}
    assert shop.found("items_have_a_quantity", "nulls in item") == {"no quantity above zero"}


def test_a_rhythm_that_is_none_divides_nothing(shop: Shop) -> None:
    odd = ("nulls in subscription", "never", "backwards", "unknown period")
    assert shop.found("subscriptions_have_a_rhythm", *odd) == {"no rhythm"}
    listed = ", ".join(f"'{shop.odd[name]}'" for name in odd)
    worth = f"select distinct mrr from dim_subscriptions where subscription_id in ({listed})"
    assert shop.ask(worth) == [(Decimal(0),)]


def test_a_subscription_cancelled_before_it_began_was_never_active(shop: Shop) -> None:
    shop.found("subscriptions_end_after_they_begin", "too early")
    key = shop.odd["too early"]
    spells = f"select is_counted from fct_subscription_spells where subscription_id = '{key}'"
    assert shop.ask(spells) == [(False,)]


@pytest.mark.parametrize("place", ODD_HOURS)
def test_odd_hours_belong_to_the_day_that_the_clock_shows(place: str, shop: Shop) -> None:
    found = shop.ask(
        "select place_date, placed_at at time zone 'UTC', date_day from fct_orders"
        " join dim_dates on placed_at >= starts_at and placed_at < ends_at"
        f" where order_id = '{shop.odd[place]}'"
    )
    day = dt.date.fromisoformat(place[:10])
    assert found == [(day, dt.datetime.fromisoformat(ODD_HOURS[place]), day)]


def test_who_comes_and_goes_within_a_day_is_in_no_days_number(tmp_path: Path) -> None:
    world = World(seed=5, customers=0, zone="America/New_York", now=NOW, days=1, alive=False)
    world.subscribe(world.create_customer())
    world.cancel_subscription(world.subscribe(world.create_customer()))
    with warehouse_of(world, tmp_path) as database:
        sums = "select sum(new_subscribers), sum(cancelled_subscribers) from fct_subscribers_daily"
        assert ask(database, sums) == [(1, 0)]
        assert offenders(database) == {}


@pytest.mark.parametrize("zone", ["America/Chicago", "UTC"])
def test_a_server_on_another_clock_keeps_its_own_days(zone: str, tmp_path: Path) -> None:
    world = Books(zone).world
    with warehouse_of(world, tmp_path) as database:
        shown = {
            row.record["public_id"]: dt.date.fromisoformat(row.record["place"][:10])
            for row in world.rows("orders")
        }
        assert dict(ask(database, "select order_id, place_date from fct_orders")) == shown
        assert offenders(database) == {}


def test_deleted_rows_stay_in_staging_and_are_in_no_mart(tmp_path: Path) -> None:
    books = Books()
    subscription = books.take("subscriptions", live=True)
    item = books.world.items_of(subscription)[0]
    order = books.take("orders", status=1)
    with warehouse_of(books.world, tmp_path) as database:
        for table, key in (("items", item), ("orders", order)):
            database.run(
                f"update {database.dataset}.{table} set _deleted_at = _synced_at"
                f" where public_id = '{key}'"
            )
        assert ask(database, "select item_id from stg_items where is_deleted") == [(item,)]
        marts = (
            f"select order_id from fct_orders where order_id = '{order}'"
            f" union all select item_id from fct_order_items where item_id = '{item}'"
            f" union all select item_id from fct_upcoming_orders where order_id = '{order}'"
        )
        assert ask(database, marts) == []
        # what vanished from a waiting order, while its subscription goes on, was skipped
        skips = "select subscription_id from fct_skips_and_changes where evidence = 'deleted item'"
        assert ask(database, skips) == [(subscription,)]


def test_every_check_answers_with_a_key_and_a_problem() -> None:
    for found in checks():
        assert found.query.named_selects == ["record_key", "problem"], found.name
