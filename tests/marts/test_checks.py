"""Every check finds what it is there for: each is shown its own offence, in a shop without any.

The views of the shop stand as tables here, so that one of them can be wrong alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.sql_layer.models import checks
from pipelines.ordergroove.sql_layer.views import check
from pipelines.ordergroove.targets.duckdb_file import DuckDatabase
from pipelines.ordergroove.warehouse import Warehouse
from tests.marts.shops import lived, warehouse_of

TWICE = "insert into {table} select * from {table} limit 1"
ONE = "rowid = (select min(rowid) from {table})"
OFFENCES: dict[str, list[tuple[str, str]]] = {
    "cohorts_never_grow": [
        ("fct_retention_cohorts", "update {table} set retained = cohort_size + 1 where is_mature"),
        ("fct_retention_cohorts", "update {table} set retained = -1 where is_mature"),
        ("fct_order_retention", "update {table} set retained = order_number, eligible = 99"),
    ],
    "customers_are_known": [
        ("stg_customers", ("delete from {table} where customer_id in"
         " (select customer_id from ordergroove.stg_subscriptions)")),
    ],
    "customers_are_not_doubled": [("dim_customers", TWICE)],
    "days_are_days": [
        ("dim_dates", "delete from {table} where date_day = '2025-01-01'"),
        ("dim_dates", "update {table} set hours = 26 where date_day = '2025-01-01'"),
        ("dim_dates", ("update {table} set ends_at = ends_at + interval 1 second"
         " where date_day = '2025-01-01'")),
    ],
    "events_are_not_doubled": [("fct_subscription_events", TWICE)],
    "events_are_past": [
        ("fct_subscription_events", "update {table} set happened_at = '2999-01-01' where " + ONE),
    ],
    "failed_orders_are_not_doubled": [("fct_dunning", TWICE)],
    "history_has_no_gaps": [
        ("meta_gaps", "insert into {table} values ('orders', '2025-01-01', '2025-01-02')"),
    ],
    "incentives_cost_something": [
        ("fct_incentives", "update {table} set discount = -0.01 where " + ONE),
    ],
    "items_are_not_doubled": [("fct_order_items", TWICE)],
    "items_have_a_quantity": [
        ("int_order_items", "update {table} set quantity = 0 where " + ONE),
        ("int_order_items", "update {table} set quantity = null where " + ONE),
        ("int_order_items", "update {table} set total_price = -1 where " + ONE),
        ("int_order_items", "update {table} set total_price = null where " + ONE),
    ],
    "items_have_a_subscription": [
        ("int_order_items", "update {table} set subscription_id = 'nobody' where " + ONE),
    ],
    "items_have_an_order": [
        ("stg_items", "update {table} set order_id = null where " + ONE),
        ("stg_items", "update {table} set order_id = 'nobody' where " + ONE),
        ("stg_orders", ("update {table} set is_deleted = true where order_id ="
         " (select min(order_id) from ordergroove.stg_items)")),
    ],
    "live_subscriptions_are_active": [
        ("stg_subscriptions", "update {table} set is_live = not is_live where is_live"),
        ("stg_subscriptions", "update {table} set is_live = not is_live where not is_live"),
        ("stg_subscriptions", "update {table} set is_live = null where " + ONE),
    ],
    "movements_explain_the_run_rate": [
        ("fct_mrr_movements", "update {table} set mrr_change = mrr_change + 0.01 where " + ONE),
        ("fct_mrr_monthly", "update {table} set run_rate = run_rate + 0.01 where run_rate > 0"),
    ],
    "orders_are_not_doubled": [("fct_orders", TWICE)],
    "orders_are_worth_their_items": [
        ("int_orders", "update {table} set revenue = revenue + 1 where is_successful"),
        ("int_orders", "update {table} set revenue = revenue - 1 where is_successful"),
        ("int_orders", "update {table} set revenue = null where is_successful"),
    ],
    "orders_have_a_day": [
        ("int_orders", "update {table} set place_date = null where is_open"),
        ("int_orders", "update {table} set currency_code = null where is_sent"),
    ],
    "orders_have_items": [("int_orders", "update {table} set item_count = 0 where is_open")],
    "orders_have_known_statuses": [
        ("int_orders", "update {table} set status_code = 42 where " + ONE),
        ("int_orders", "update {table} set status_code = null where " + ONE),
    ],
    "placement_adds_up": [
        ("fct_placement_daily", "update {table} set still_open = still_open + 1 where " + ONE),
    ],
    "products_are_known": [("stg_products", "delete from {table}")],
    "products_are_not_doubled": [("dim_products", TWICE)],
    "spells_are_not_doubled": [("fct_subscription_spells", TWICE)],
    "spells_do_not_overlap": [
        ("fct_subscription_spells", "update {table} set spell_number = 2 where spell_number = 1"),
        ("fct_subscription_spells", "update {table} set end_date = '2999-01-01'"),
    ],
    "subscribers_are_counted_once": [
        ("fct_subscribers_daily", "update {table} set subscribers_at_end = subscribers_at_end + 1"),
    ],
    "subscribers_roll_forward": [
        ("fct_subscribers_daily", "update {table} set new_subscribers = 99 where " + ONE),
        ("fct_subscribers_daily", "delete from {table} where new_subscribers > 0"),
    ],
    "subscriptions_are_not_doubled": [("dim_subscriptions", TWICE)],
    "subscriptions_end_after_they_begin": [
        ("int_subscription_spells", "update {table} set end_date = '1999-01-01' where " + ONE),
    ],
    "subscriptions_have_a_rhythm": [
        ("int_subscription_values", "update {table} set monthly_factor = null where is_current"),
        ("stg_subscriptions", "update {table} set quantity = 0 where is_live"),
        ("stg_subscriptions", "update {table} set quantity = null where is_live"),
    ],
    "subscriptions_have_a_value": [
        ("int_subscription_values", "update {table} set unit_value = null where is_current"),
    ],
    "subscriptions_have_spells": [
        ("int_subscription_spells", "delete from {table} where spell_number = 1"),
        ("int_subscription_spells", "update {table} set start_date = null where spell_number = 1"),
        ("int_subscription_spells", "update {table} set start_date = '0001-01-01'"),
    ],
    "subscriptions_roll_forward": [
        ("fct_subscriptions_daily", "update {table} set cancelled_subscriptions = 99 where " + ONE),
        ("fct_subscriptions_daily", "delete from {table} where new_subscriptions > 0"),
    ],
    "upcoming_items_are_not_doubled": [("fct_upcoming_orders", TWICE)],
}  # fmt: skip
"""By check: the table that is spoiled, and how; each of them is found."""

CASES = [(name, *offence) for name, offences in OFFENCES.items() for offence in offences]
BY_NAME = {found.name: found for found in checks()}


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InWarehouse]:
    """A schema of tables that hold what the views of a shop show."""
    witness = lived(seed=3)
    directory = tmp_path_factory.mktemp("shop")
    with warehouse_of(witness.world, directory, witness.events()) as home:
        connection = home.warehouse.connection
        connection.execute("create schema spoiled")
        for name in home.warehouse.tables():
            connection.execute(f'create table spoiled."{name}" as from ordergroove."{name}"')
        engine = DuckDatabase(connection=connection, dataset="spoiled", path=Path("nowhere"))
        yield InWarehouse(warehouse=Warehouse(engine))


@contextmanager
def wrong(spoiled: InWarehouse, name: str, how: str) -> Iterator[None]:
    """A table that is spoiled meanwhile."""
    table = f'spoiled."{name}"'
    ((before,),) = spoiled.rows(f"select count(*) from {table}")
    changed = spoiled.rows(how.format(table=table))
    assert name == "meta_gaps" or before, "nothing there to be spoiled"
    assert changed != [(0,)], "nothing was spoiled"
    try:
        yield
    finally:
        spoiled.run(f"drop table {table}", f'create table {table} as from ordergroove."{name}"')


def test_every_check_has_an_offence() -> None:
    assert OFFENCES.keys() == BY_NAME.keys()


def test_a_shop_without_offences_passes_them_all(spoiled: InWarehouse) -> None:
    assert [
        (made.name, made.error) for made in check(spoiled) if made.offenders or made.error
    ] == []


@pytest.mark.parametrize(
    ("name", "table", "how"), CASES, ids=[f"{name}-{at}" for at, (name, *_) in enumerate(CASES)]
)
def test_a_check_finds_its_offence(name: str, table: str, how: str, spoiled: InWarehouse) -> None:
    with wrong(spoiled, table, how):
        (found,) = check(spoiled, shipped=[BY_NAME[name]])
    assert (found.offenders > 0, found.error) == (True, "")
