"""`query`: what people see of their SQL's answer, and what it refuses."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.ordergroove.query import (
    answer,
    as_json,
    as_text,
    to_csv,
    to_parquet,
)
from pipelines.ordergroove.query_elsewhere import what_there_is
from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.errors import ConfigError

FILLED = """
create schema ordergroove;
use ordergroove;
create table orders as select * from (values
    ('a', 5, 12.5000::decimal(18, 4), timestamptz '2026-06-01 12:00:00+00', timestamp '2026-06-01'),
    ('b', 1, null, null, null)
) as t (public_id, status, total, created_utc, created);
create table customers (merchant_user_id text);
create view stg_orders as select * from orders;
"""


def filled(directory: Path) -> Settings:
    file = directory / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(FILLED)
    return load({"destination": f"duckdb:///{file}"}, {}, directory, directory)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with opened(filled(tmp_path_factory.mktemp("query")), read_only=True) as made:
        yield made


def refusal(warehouse: Warehouse, sql: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        list(answer(warehouse, sql).rows)
    assert caught.value.exit_code == 2
    assert caught.value.do
    return caught.value


def test_tables_are_found_without_naming_the_dataset(warehouse: Warehouse) -> None:
    assert list(answer(warehouse, "select public_id from orders order by all").rows) == [
        ("a",),
        ("b",),
    ]


def test_tables_are_found_in_a_file_that_is_named_like_the_dataset(tmp_path: Path) -> None:
    file = tmp_path / "ordergroove.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema ordergroove.ordergroove")
        connection.execute("create table ordergroove.ordergroove.orders as select 'a' as id")
    settings = load({"destination": f"duckdb:///{file}"}, {}, tmp_path, tmp_path)
    with opened(settings, read_only=True) as warehouse:
        assert list(answer(warehouse, "select id from orders").rows) == [("a",)]


def test_numbers_end_at_the_same_place_and_words_begin_there(warehouse: Warehouse) -> None:
    text = as_text(answer(warehouse, "select public_id, status, total from orders order by 1"), 80)
    assert text.splitlines() == [
        "public_id  status    total",
        "─" * 26,
        "a               5  12.5000",
        "b               1     null",
        "(2 rows)",
    ]


def test_one_row_is_not_called_rows(warehouse: Warehouse) -> None:
    assert as_text(answer(warehouse, "select 1 as one"), 80).endswith("(1 row)")


def test_an_answer_without_rows_still_shows_its_columns(warehouse: Warehouse) -> None:
    text = as_text(answer(warehouse, "select status, total from orders where false"), 80)
    assert "status" in text
    assert text.endswith("(0 rows)")


def test_the_screen_shows_a_thousand_rows_and_says_that_there_are_more(
    warehouse: Warehouse,
) -> None:
    full = as_text(answer(warehouse, "from range(1000)"), 80)
    assert full.endswith("(1,000 rows)")

    cut = as_text(answer(warehouse, "from range(1001)"), 80)
    assert cut.splitlines()[-2].strip() == "999"
    assert "the first 1,000 rows; there are more" in cut


def test_columns_that_do_not_fit_side_by_side_stand_below_each_other(warehouse: Warehouse) -> None:
    columns = ", ".join(f"'value {n}' as column_{n:02}" for n in range(30))
    lines = as_text(answer(warehouse, f"select {columns}"), 80).splitlines()
    assert lines[0] == "column_00  value 0"
    assert len(lines) == 31


def test_no_line_is_wider_than_the_terminal(warehouse: Warehouse) -> None:
    sql = "select repeat('long ', 40) as words, 'x' as other"
    text = as_text(answer(warehouse, sql), 60)
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("long") == 40


def test_values_cannot_steer_the_terminal(warehouse: Warehouse) -> None:
    text = as_text(answer(warehouse, "select 'red' || chr(27) || '[31m' || chr(10) as x"), 60)
    assert "red\\x1b[31m\\n" in text
    assert "\x1b" not in text


def test_values_that_look_like_markup_are_shown_as_they_are(warehouse: Warehouse) -> None:
    assert "[bold]x[/bold]" in as_text(answer(warehouse, "select '[bold]x[/bold]' as x"), 60)


def test_json_keeps_every_digit_and_says_instants_in_utc(warehouse: Warehouse) -> None:
    text = as_json(answer(warehouse, "select * from orders order by public_id"))
    assert '"total": 12.5000' in text
    assert json.loads(text) == [
        {
            "public_id": "a",
            "status": 5,
            "total": 12.5,
            "created_utc": "2026-06-01T12:00:00Z",
            "created": "2026-06-01T00:00:00",
        },
        {"public_id": "b", "status": 1, "total": None, "created_utc": None, "created": None},
    ]


def test_json_takes_values_of_every_kind(warehouse: Warehouse) -> None:
    sql = """select 170141183460469231731687303715884105727::hugeint as huge, [1.50] as list,
        {'a': date '2026-06-01'} as struct, 'x'::blob as bytes, interval 1 day as span,
        'nan'::double as nothing, map {1: 'a'} as map, 1 as map"""
    text = as_json(answer(warehouse, sql))
    assert "170141183460469231731687303715884105727" in text
    (row,) = json.loads(text)
    assert row["list"] == [1.5]
    assert row["struct"] == {"a": "2026-06-01"}
    assert (row["bytes"], row["span"], row["nothing"]) == ("78", "1 day, 0:00:00", None)
    assert (row["map"], row["map_2"]) == ({"1": "a"}, 1)


def test_csv_holds_all_rows_under_their_names(warehouse: Warehouse) -> None:
    stream = io.StringIO()
    count = to_csv(answer(warehouse, "select * from orders order by 1"), stream)
    assert count == 2
    assert stream.getvalue().splitlines() == [
        "public_id,status,total,created_utc,created",
        "a,5,12.5000,2026-06-01T12:00:00Z,2026-06-01T00:00:00",
        "b,1,,,",
    ]


def test_a_parquet_file_holds_all_rows_with_their_types(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "out 'put'.parquet"
    assert to_parquet(warehouse, "select * from orders -- all of them", file) == 2
    found = duckdb.execute("select sum(total), min(total) from read_parquet(?)", [str(file)])
    assert [str(value) for value in found.fetchall()[0]] == ["12.5000", "12.5000"]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_parquet_file_that_fails_leaves_the_one_before(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "out.parquet"
    file.write_text("before")
    with pytest.raises(ConfigError):
        to_parquet(warehouse, "select error('boom') from range(3)", file)
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_parquet_file_in_no_directory_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        to_parquet(warehouse, "select 1", tmp_path / "nowhere" / "out.parquet")


def test_wrong_sql_is_told_in_one_line(warehouse: Warehouse) -> None:
    error = refusal(warehouse, "selec 1\nfrom orders")
    assert error.what.startswith("Parser Error: syntax error")
    assert "\n" not in error.what


def test_an_unknown_table_is_answered_with_those_there_are(warehouse: Warehouse) -> None:
    error = refusal(warehouse, "select * from shipments")
    assert "shipments" in error.what
    assert error.do == "Tables and views here: customers, orders; and what these are made of."


def test_a_table_that_is_misspelled_is_answered_with_those_that_resemble_it(
    warehouse: Warehouse,
) -> None:
    assert refusal(warehouse, "select * from Ordres").do == "Did you mean orders?"


@pytest.mark.parametrize(
    "complaint",
    [
        "Catalog Error: Table with name ordrs does not exist!",
        'relation "ordrs" does not exist',
        'relation "ordergroove.ordrs" does not exist',
        "(1146, \"Table 'shop.ordrs' doesn't exist\")",
        "no such table: ordrs",
    ],
)
def test_every_engine_s_word_for_it_is_understood(warehouse: Warehouse, complaint: str) -> None:
    assert what_there_is(warehouse, complaint).startswith("Did you mean orders")


def test_truth_is_written_as_in_sql(warehouse: Warehouse) -> None:
    found = answer(warehouse, "select true as yes, false as no")
    assert as_text(found, 80).splitlines()[2].split() == ["true", "false"]
    written = io.StringIO()
    to_csv(answer(warehouse, "select true as yes, false as no"), written)
    assert written.getvalue() == "yes,no\ntrue,false\n"


def test_two_questions_are_counted_in_good_english(warehouse: Warehouse) -> None:
    assert refusal(warehouse, "select 1; select 2").what == "There are 2 statements in the query."
    assert refusal(warehouse, "").what == "There is no statement in the query."


def test_an_unknown_column_is_answered_with_those_that_resemble_it(warehouse: Warehouse) -> None:
    assert "total" in refusal(warehouse, "select totals from orders").do


def test_a_fault_that_shows_on_the_way_is_told_in_the_same_manner(warehouse: Warehouse) -> None:
    sql = "select case when i < 300000 then 1 else error('boom') end from range(300001) as t (i)"
    assert "boom" in refusal(warehouse, sql).what


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("insert into orders (public_id) values ('c')", "INSERT"),
        ("delete from orders", "DELETE"),
        ("create table mine as select 1", "CREATE"),
        ("create temp table mine as select 1", "CREATE"),
        ("drop table orders", "DROP"),
        ("attach 'other.duckdb'", "ATTACH"),
        ("set threads = 1", "SET"),
        ("install httpfs", "LOAD"),
        ("copy orders to 'orders.csv'", "COPY"),
    ],
)
def test_a_statement_that_does_more_than_read_is_refused(
    warehouse: Warehouse, sql: str, kind: str
) -> None:
    error = refusal(warehouse, sql)
    assert error.what == f"`query` only reads: {kind} is refused."


def test_nothing_is_written_to_the_file_by_a_roundabout_way(warehouse: Warehouse) -> None:
    sql = "with w as (delete from orders returning *) select * from w"
    assert refusal(warehouse, sql).what.startswith("`query` only reads")
    assert list(answer(warehouse, "select count(*) from orders").rows) == [(2,)]


@pytest.mark.parametrize("sql", ["", "-- nothing", ";"])
def test_an_empty_query_is_refused(warehouse: Warehouse, sql: str) -> None:
    assert "no statement" in refusal(warehouse, sql).what


def test_several_statements_are_refused(warehouse: Warehouse) -> None:
    assert "2 statements" in refusal(warehouse, "select 1; select 2;").what


def test_a_semicolon_at_the_end_is_no_second_statement(warehouse: Warehouse) -> None:
    assert list(answer(warehouse, "select 1;\n").rows) == [(1,)]


@pytest.mark.parametrize(
    "sql", ["show tables", "describe orders", "from orders", "explain from orders"]
)
def test_every_kind_of_question_is_answered(warehouse: Warehouse, sql: str) -> None:
    assert list(answer(warehouse, sql).rows)


@pytest.mark.parametrize("name", ["warehouse", "ordergroove"])
def test_a_dataset_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.duckdb"
    duckdb.connect(str(file)).close()
    settings = load({"destination": f"duckdb:///{file}"}, {}, tmp_path, tmp_path)
    with opened(settings, read_only=True) as warehouse:
        assert "no dataset 'ordergroove'" in refusal(warehouse, "select 1").what
