"""What the warehouse knows and by what: spells from several witnesses, gaps, deletions, filling."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import InWarehouse, Rows, create_table
from pipelines.ordergroove.sql_layer.relations import inputs
from pipelines.ordergroove.targets.duckdb_file import DuckDatabase
from pipelines.ordergroove.warehouse import Warehouse

TABLES = ("customers", "subscriptions", "sync_windows", "sync_runs", "tombstones")
OPTIONAL = ("webhook_events", "subscriptions_history")
TODAY = dt.date(2026, 6, 10)
NOON = dt.time(12, tzinfo=dt.UTC)


class Tables:
    """Raw tables that a story fills by hand; New York's clock."""

    def __init__(self, database: InWarehouse) -> None:
        self.database = database
        for name in (*TABLES, *OPTIONAL):
            columns = inputs()[name]
            statement = create_table(database, name, columns, [next(iter(columns))])
            database.run(statement.partition(", primary key")[0] + ")")
        self.put("sync_windows", entity="subscriptions", opened_at=noon(TODAY))

    def put(self, table: str, **fields: Any) -> None:
        columns = inputs()[table]
        added = Rows(table=table, columns=columns, rows=[dict.fromkeys(columns) | fields])
        for statement in added.statements(self.database):
            self.database.run(statement)

    def subscription(self, table: str = "subscriptions", **fields: Any) -> None:
        """One that began on March 1; days stand for noon of them."""
        record = {"public_id": "s", "customer": "c", "product": "p", "live": True}
        days = {"created": dt.date(2026, 3, 1), "updated": dt.date(2026, 3, 1)} | {
            name: fields.pop(name) for name in ("created", "updated", "cancelled") if name in fields
        }
        stamps = {name: dt.datetime.combine(day, dt.time(8)) for name, day in days.items()}
        stamps |= {f"{name}_utc": noon(day) for name, day in days.items()}
        self.put(table, **record | {"_synced_at": noon(TODAY)} | stamps | fields)

    def event(self, event_type: str, at: dt.datetime) -> None:
        self.put(
            "webhook_events",
            event_id=f"{event_type} {at}",
            event_type=f"subscription.{event_type}",
            object_type="subscription",
            object_key="s",
            happened_at=at,
            received_at=at,
        )

    def spells(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "select strftime(start_date, '%m-%d'), strftime(end_date, '%m-%d'), start_evidence,"
            " end_evidence from fct_subscription_spells order by spell_number"
        )

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        done = views.apply(self.database, zone="America/New_York", today=TODAY)
        assert done.failed == []
        return self.database.rows(sql)


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, NOON)


def on(month: int, day: int) -> dt.date:
    return dt.date(2026, month, day)


@pytest.fixture
def tables() -> Iterator[Tables]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        engine = DuckDatabase(connection=connection, dataset="main", path=Path("nowhere"))
        yield Tables(InWarehouse(warehouse=Warehouse(engine)))


def test_without_witnesses_a_return_leaves_one_unbroken_spell_and_says_so(tables: Tables) -> None:
    tables.subscription(updated=on(5, 1))
    assert tables.spells() == [("03-01", None, "snapshot", None)]
    assert tables.ask("select history_complete_from from int_as_of") == [(None,)]


def test_events_show_the_gap(tables: Tables) -> None:
    tables.subscription(updated=on(5, 1))
    tables.event("cancel", noon(on(4, 1)))
    tables.event("change_live", noon(on(5, 1)))
    tables.event("reactivate", noon(on(5, 1)))
    assert tables.spells() == [
        ("03-01", "04-01", "snapshot", "event"),
        ("05-01", None, "event", None),
    ]
    assert tables.ask("select history_complete_from from int_as_of") == [(noon(on(4, 1)),)]


def test_an_event_that_was_lost_is_made_up_for_by_the_table(tables: Tables) -> None:
    tables.subscription(updated=on(5, 2))
    tables.event("cancel", noon(on(4, 1)))
    assert tables.spells() == [
        ("03-01", "04-01", "snapshot", "event"),
        ("05-02", None, "snapshot", None),
    ]


def test_an_event_and_the_table_tell_of_one_end_only(tables: Tables) -> None:
    tables.subscription(live=False, cancelled=on(4, 1), updated=on(4, 1))
    tables.event("cancel", noon(on(4, 1)))
    assert tables.spells() == [("03-01", "04-01", "snapshot", "event")]


def test_an_event_belongs_to_the_day_of_the_merchants_clock(tables: Tables) -> None:
    tables.subscription(live=False, cancelled=on(4, 2), updated=on(4, 2))
    tables.event("cancel", dt.datetime(2026, 4, 2, 3, 59, tzinfo=dt.UTC))
    assert tables.spells() == [("03-01", "04-01", "snapshot", "event")]


def test_versions_show_the_gap_too(tables: Tables) -> None:
    for live, synced, updated in ((True, 2, 1), (False, 9, 8), (True, 20, 19)):
        cancelled = {} if live else {"cancelled": on(4, 8)}
        tables.subscription(
            "subscriptions_history",
            live=live,
            updated=on(4, updated),
            _synced_at=noon(on(4, synced)),
            **cancelled,
        )
    tables.subscription(updated=on(4, 19))
    assert tables.spells() == [
        ("03-01", "04-08", "snapshot", "poll_diff"),
        ("04-19", None, "poll_diff", None),
    ]


def test_a_deleted_subscription_ends_with_its_deletion(tables: Tables) -> None:
    tables.subscription(_deleted_at=noon(on(5, 5)))
    assert tables.spells() == [("03-01", "05-05", "snapshot", "tombstone")]
    churn = "select churn_type from fct_subscription_spells"
    assert tables.ask(churn) == [("deleted",)]


def test_a_reason_becomes_a_kind_of_churn_as_users_say(tables: Tables) -> None:
    tables.subscription(live=False, cancelled=on(4, 1), updated=on(4, 1), cancel_reason_code="12|")
    churn = "select cancel_reason_code, churn_type from dim_subscriptions"
    assert tables.ask(churn) == [("12", "voluntary")]
    tables.database.run("insert into seed_cancel_reasons values ('12', 'discontinued')")
    assert tables.ask(churn) == [("12", "discontinued")]


def test_a_second_subscription_that_follows_at_once_is_no_return(tables: Tables) -> None:
    tables.subscription(live=False, cancelled=on(4, 1), updated=on(4, 1))
    tables.subscription(public_id="t", created=on(4, 1))
    tables.subscription(public_id="u", customer="d", live=False, cancelled=on(4, 1))
    tables.subscription(public_id="v", customer="d", created=on(4, 2))
    found = tables.ask(
        "select strftime(date_day, '%m-%d'), new_subscribers, reactivated_subscribers,"
        " cancelled_subscribers, subscribers_at_end, dashboard_at_end"
        " from fct_subscribers_daily"
        " where new_subscribers + reactivated_subscribers + cancelled_subscribers > 0 order by 1"
    )
    assert found == [("03-01", 2, 0, 0, 2, 2), ("04-01", 0, 0, 1, 1, 1), ("04-02", 0, 1, 0, 2, 1)]


def test_a_stretch_that_no_window_has_read_is_a_gap(tables: Tables) -> None:
    for since, until in ((None, 1), (1, 3), (2, 4), (6, 8), (7, 7)):
        tables.put(
            "sync_windows",
            entity="orders",
            since=since and noon(on(1, since)),
            until=noon(on(1, until)),
            opened_at=noon(on(1, until)),
        )
    gaps = tables.ask("select * from meta_gaps where entity = 'orders'")
    assert gaps == [("orders", noon(on(1, 4)), noon(on(1, 6)))]
    found = {result.name for result in views.check(tables.database) if result.offenders}
    assert "history_has_no_gaps" in found


def test_freshness_is_that_of_the_newest_finished_read(tables: Tables) -> None:
    for run, status, day in (("a", "done", 1), ("b", "done", 2), ("c", "failed", 3)):
        tables.put(
            "sync_runs",
            run_id=run,
            entity="orders",
            status=status,
            started_at=noon(on(6, day)),
            window_opened_at_utc=noon(on(6, day)),
        )
    found = tables.ask("select last_read_at, last_attempt_at, last_status from meta_freshness")
    assert found == [(noon(on(6, 2)), noon(on(6, 3)), "failed")]


def test_filling_tells_of_a_field_that_is_no_longer_sent(tables: Tables) -> None:
    tables.subscription(quantity=2)
    tables.subscription(public_id="t")
    found = tables.ask(
        "select column_name, rows_there, rows_filled from meta_column_fill"
        " where entity = 'subscriptions' and column_name in ('quantity', 'price') order by 1"
    )
    assert found == [("price", 2, 0), ("quantity", 2, 1)]
