"""The SQL layer's machinery: files become views, ours are kept apart from other people's."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from pipelines.ordergroove.sql_layer import text as views_text
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.calendar_days import days
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.sql_layer.dialects import DIALECTS, offences, parsed
from pipelines.ordergroove.sql_layer.filling import column_fill
from pipelines.ordergroove.sql_layer.models import (
    LAYERS,
    Model,
    checks,
    dependents,
    in_order,
    models,
)
from pipelines.ordergroove.sql_layer.relations import inputs
from pipelines.ordergroove.sql_layer.views import Applied
from pipelines.ordergroove.targets.duckdb_file import DuckDatabase
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError

TODAY = dt.date(2026, 6, 10)
SHIPPED = models()
EVERYTHING = [*views.all_shipped(), *checks()]
OPTIONAL = re.compile(r"_history$|^webhook_events$|^tombstones$")


@pytest.fixture
def database() -> Iterator[InWarehouse]:
    with duckdb.connect() as connection:
        engine = DuckDatabase(connection=connection, dataset="main", path=Path("nowhere"))
        yield InWarehouse(warehouse=Warehouse(engine))


def model(name: str, text: str, layer: str = "marts") -> Model:
    return Model(name=name, layer=layer, text=f"-- one row\n{text}")


ONE = model("one", "select 1 as number_one")
TWO = model("two", "select number_one + 1 as number_two from one")
HEAVY = model("heavy", "-- slow: it is said to be\nselect count(*) as customers from customers")


def apply(database: InWarehouse, *shipped: Model, materialize: bool | None = None) -> Applied:
    return views.apply(
        database, zone="UTC", today=TODAY, shipped=shipped or None, materialize=materialize
    )


def answer(database: InWarehouse, sql: str) -> object:
    return database.rows(sql)[0][0]


def kinds(database: InWarehouse) -> dict[str, str]:
    return dict(
        database.rows(
            "select table_name, table_type from information_schema.tables"
            " where table_schema = 'main' and table_name not like 'seed%'"
            " and table_name not in ('dim_dates', '_views')"
        )
    )


@pytest.mark.parametrize("found", EVERYTHING, ids=lambda found: found.name)
def test_a_model_uses_only_the_listed_subset_of_sql(found: Model) -> None:
    assert offences(found.query) == []


@pytest.mark.parametrize(
    ("sql", "offence"),
    [
        ("select now() as at", "Anonymous"),
        ("select t.a from t full join u on t.b = u.b", "full join"),
        ("select place + interval 1 day as later from orders", "Interval"),
        ("select cast(a as double) as b from t", "cast to DOUBLE"),
        ("select count(*) filter (where a) as b from t", "Filter"),
        ("select strftime(a, '%Y') as b from t", "TimeToStr"),
        ("select list(a) as b from t", "ArrayAgg"),
    ],
)
def test_what_not_every_engine_has_is_an_offence(sql: str, offence: str) -> None:
    assert offence in offences(parsed(sql))


@pytest.mark.parametrize("found", EVERYTHING, ids=lambda found: found.name)
def test_a_model_begins_with_a_comment_and_keeps_to_the_line(found: Model) -> None:
    assert re.match(r"-- [a-z0-9]", found.text)
    if found.layer in LAYERS:
        assert found.title.startswith("one row")
    assert max(map(len, found.text.splitlines())) <= 88


@pytest.mark.parametrize("found", SHIPPED, ids=lambda found: found.name)
def test_a_model_reads_known_tables_and_earlier_layers_only(found: Model) -> None:
    earlier = {
        other.name
        for other in SHIPPED
        if LAYERS.index(other.layer) < LAYERS.index(found.layer)
        or other.layer == found.layer == "intermediate"
    }
    assert found.reads <= earlier | inputs().keys()
    if found.layer in ("intermediate", "marts"):
        # staging is where the raw tables are read
        assert not found.reads & ENTITIES.keys()


def test_every_entity_has_a_staging_view_with_its_deletions() -> None:
    staged = {found.name: found for found in SHIPPED if found.layer == "staging"}
    for name in ENTITIES:
        query = staged[f"stg_{name}"].query
        assert isinstance(query, exp.Select)
        assert {"deleted_at", "is_deleted", "synced_at"} <= set(query.named_selects)


def test_no_column_of_a_view_is_named_twice() -> None:
    for found in SHIPPED:
        names = found.query.named_selects
        assert len(set(names)) == len(names), found.name


def test_models_come_after_what_they_read() -> None:
    assert [found.name for found in in_order([TWO, ONE])] == ["one", "two"]
    assert [found.name for found in dependents("one", [ONE, TWO])] == ["two"]


def test_all_views_can_be_read_before_the_first_sync(database: InWarehouse) -> None:
    done = apply(database)
    assert (done.failed, done.kept) == ([], [])
    for found in [*SHIPPED, column_fill()]:
        if found.name not in ("int_numbers", "int_as_of", "meta_column_fill"):
            assert database.rows(f'select * from "{found.name}"') == [], found.name
    assert [check for check in views.check(database) if check.error or check.offenders] == []


def test_a_table_that_is_missing_is_read_as_soon_as_it_is_there(database: InWarehouse) -> None:
    deleted = "select count(*) from meta_deletes"
    apply(database)
    assert answer(database, deleted) == 0
    database.run(
        "create table tombstones (entity text, record_key text, noticed_at timestamptz,"
        " evidence text, deleted_at timestamptz)",
        "insert into tombstones values ('orders', 'a', null, '404', null)",
    )
    assert apply(database).made == ["meta_deletes"]
    assert answer(database, deleted) == 1


def test_applying_again_changes_nothing(database: InWarehouse) -> None:
    apply(database)
    done = apply(database)
    assert (done.made, done.dropped, done.failed) == ([], [], [])
    assert len(done.unchanged) == len(views.all_shipped())


def test_a_view_that_somebody_dropped_comes_back(database: InWarehouse) -> None:
    apply(database, ONE, TWO)
    database.run("drop view two")
    assert apply(database, ONE, TWO).made == ["two"]


def test_an_older_version_is_put_back_after_one_that_failed(database: InWarehouse) -> None:
    apply(database, ONE)
    apply(database, model("one", "select 41 as number_one"), model("broken", "select a from b"))
    apply(database, ONE)
    assert answer(database, "select number_one from one") == 1


def test_a_view_that_was_refused_is_tried_again(database: InWarehouse) -> None:
    late = model("late", "select n from too_late")
    assert apply(database, late).failed
    database.run("create table too_late as select 1 as n")
    assert apply(database, late).made == ["late"]


def test_what_was_done_is_told_with_an_exit_code(database: InWarehouse) -> None:
    done = apply(database, ONE, model("broken", "select nothing from nowhere"))
    assert views_text.exit_code_of(done) == 5
    assert "Could not be made: broken" in views_text.applied_text(done)
    assert views_text.applied_values(done)["unchanged"] == []
    assert views_text.exit_code_of(apply(database, ONE)) == 0


def test_checks_are_told_with_their_first_offenders_and_an_exit_code(
    database: InWarehouse,
) -> None:
    offenders = "select cast(range as text) as record_key, 'odd' as problem from range(10, 30)"
    strict = Model(name="strict", layer="checks", text=f"-- there is nothing\n{offenders}")
    text = f"-- there is little\n-- a warning only: so it is\n{offenders}"
    mild = Model(name="mild", layer="checks", text=text)
    found = [
        views.Checked(name=one.name, promise=one.title, offenders=20, examples=(("10", "odd"),),
                      is_warning=one is mild)
        for one in (strict, mild)
    ]  # fmt: skip
    told = views_text.checked_text(found)
    assert "strict fails: there is nothing\n  10: odd\n  and 19 more" in told
    assert told.endswith("0 checks hold, 1 warn, 1 fail.")
    assert views_text.exit_code_of_checks(found) == 5
    assert views_text.exit_code_of_checks(found[1:]) == 0
    assert views_text.checked_values(found)[0]["examples"] == [
        {"record_key": "10", "problem": "odd"}
    ]


def test_a_changed_model_replaces_its_view(database: InWarehouse) -> None:
    apply(database, ONE, TWO)
    done = apply(database, model("one", "select 41 as number_one"), TWO)
    assert done.made == ["one"]
    assert answer(database, "select number_two from two") == 42


def test_a_view_that_is_no_longer_shipped_is_dropped(database: InWarehouse) -> None:
    apply(database, ONE, TWO)
    assert apply(database, ONE).dropped == ["two"]
    assert kinds(database) == {"one": "VIEW"}


def test_a_view_that_somebodys_view_reads_is_kept_with_a_warning(database: InWarehouse) -> None:
    apply(database, ONE, TWO)
    database.run("create schema reports", "create view reports.mine as select * from two")
    done = apply(database, ONE)
    assert done.dropped == []
    assert len(done.kept) == 1
    assert "reports.mine" in done.kept[0]
    assert answer(database, "select number_two from reports.mine") == 2
    database.run("drop view reports.mine")
    assert apply(database, ONE).dropped == ["two"]


@pytest.mark.parametrize("kind", ["view", "table"])
def test_what_somebody_else_made_is_never_touched(kind: str, database: InWarehouse) -> None:
    database.run(f"create {kind} one as select 'mine' as number_one")
    done = apply(database, ONE)
    assert len(done.kept) == 1
    assert answer(database, "select number_one from one") == "mine"
    apply(database, TWO)
    assert answer(database, "select number_one from one") == "mine"


def test_a_view_that_fails_does_not_stop_the_others(database: InWarehouse) -> None:
    done = apply(database, model("broken", "select nothing from nowhere"), ONE)
    assert [sentence.partition(":")[0] for sentence in done.failed] == ["broken"]
    assert done.made[-1] == "one"


def test_words_that_users_changed_or_added_stay(database: InWarehouse) -> None:
    apply(database)
    database.run(
        "update seed_order_statuses set status_name = 'geglückt' where status_code = 5",
        "insert into seed_order_statuses values (42, 'ours', false, true, true)",
    )
    # a newer version ships another text
    database.run("update _views set fingerprint = '' where name like 'seed%'")
    apply(database)
    found = dict(database.rows("select status_code, status_name from seed_order_statuses"))
    assert (found[5], found[42], found[1]) == ("geglückt", "ours", "unsent")


def test_slow_views_become_tables_that_are_filled_anew(database: InWarehouse) -> None:
    database.run("create table customers as select 1 as merchant_user_id")
    apply(database, HEAVY, materialize=True)
    assert kinds(database)["heavy"] == "BASE TABLE"
    database.run("insert into customers values (2)")
    assert answer(database, "select customers from heavy") == 1
    # as the sync does, which does not ask for it again
    apply(database, HEAVY)
    assert answer(database, "select customers from heavy") == 2
    apply(database, HEAVY, materialize=False)
    assert kinds(database)["heavy"] == "VIEW"


@pytest.mark.parametrize(
    ("zone", "day", "hour_utc"),
    [
        ("America/New_York", dt.date(2026, 6, 10), 4),
        # 00:00 comes twice: clocks go back at 1:00
        ("America/Havana", dt.date(2019, 11, 3), 4),
        # it never comes: clocks go forward at 0:00
        ("America/Havana", dt.date(2019, 3, 10), 5),
    ],
)
def test_a_day_begins_with_its_first_instant(zone: str, day: dt.date, hour_utc: int) -> None:
    (row,) = days(day, day, zone)

    assert row["starts_at"] == dt.datetime(day.year, day.month, day.day, hour_utc, tzinfo=dt.UTC)


def test_days_are_filled_anew_when_the_zone_changes(database: InWarehouse) -> None:
    starts = "select epoch(starts_at) from dim_dates where date_day = '2026-01-01'"
    views.apply(database, zone="UTC", today=TODAY, shipped=[ONE])
    before = answer(database, starts)
    views.apply(database, zone="America/New_York", today=TODAY, shipped=[ONE])
    assert answer(database, starts) == before + 5 * 3600  # type: ignore[operator]


def test_a_day_has_23_to_25_hours() -> None:
    year = {
        row["date_day"]: row
        for row in days(dt.date(2024, 1, 1), dt.date(2024, 12, 31), "America/New_York")
    }
    assert len(year) == 366
    odd = {str(day): row["hours"] for day, row in year.items() if row["hours"] != 24}
    assert odd == {"2024-03-10": 23, "2024-11-03": 25}
    leap = year[dt.date(2024, 2, 29)]
    assert (leap["day_of_year"], leap["iso_week"], leap["weekday"]) == (60, 9, 4)
    assert leap["month_end_date"] == leap["date_day"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_view_can_be_said_in_every_dialect(dialect: str) -> None:
    statements = sqlglot.parse(views.sql(dialect), read=dialect)
    named = [found.find(exp.Table) for found in statements if found is not None]
    assert [table.name for table in named if table] == [
        found.name for found in in_order(views.all_shipped())
    ]


def test_an_unknown_dialect_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="snowflake"):
        views.sql("klingon")


def test_a_check_tells_its_promise_and_its_first_offenders(database: InWarehouse) -> None:
    offenders = "select cast(n as text) as record_key, 'too many' as problem from t"
    database.run("create table t as select range as n from range(10, 30)")
    text = f"-- there is nothing\n-- a warning only: an example\n{offenders}"
    found = Model(name="empty", layer="checks", text=text)
    result = views.check(database, shipped=[found])[0]
    assert (result.promise, result.offenders, result.is_good) == ("there is nothing", 20, True)
    assert result.examples[0] == ("10", "too many")
    strict = Model(name="empty", layer="checks", text=f"-- there is nothing\n{offenders}")
    assert not views.check(database, shipped=[strict])[0].is_good


def test_a_check_that_cannot_run_is_no_good(database: InWarehouse) -> None:
    result = views.check(database, shipped=[model("odd", "select a, b from nowhere")])[0]
    assert not result.is_good
    assert result.error
