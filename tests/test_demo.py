"""The end of the demo: what somebody sees who tries the program for the first time."""

import contextlib
import datetime as dt
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from pipelines.ordergroove.cli import cli
from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.demo import (
    MOST_ROWS,
    QUESTIONS,
    answers,
    picture,
    query_text,
    settings_for,
)
from pipelines.ordergroove.report_page.library import javascript
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.sql_layer.views import apply as apply_views
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.sandbox import Sandbox, World, serve

NOW = dt.datetime(2026, 6, 10, 18, tzinfo=dt.UTC)
READ = ("customers", "subscriptions", "orders")


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=3, customers=80, zone="America/New_York", now=NOW, days=240)


@pytest.fixture(scope="module")
def told(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The answers, as they are printed."""
    directory = tmp_path_factory.mktemp("demo")
    with contextlib.chdir(directory), serve(Sandbox(world)) as server:
        settings = settings_for(server.url, Path("demo.duckdb"))
        with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
            client = client_for(settings)
            sync(settings, READ, warehouse=warehouse, scratch=scratch, client=client)
            database = InWarehouse(warehouse=warehouse)
            apply_views(database, zone=settings.timezone, today=NOW.date())
            yield answers(warehouse)


def rows_under(told: str, head: str) -> list[list[str]]:
    """The cells of the table whose heading begins so."""
    lines = told.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(head))
    table = lines[start + 2 :]
    return [line.split() for line in table[: table.index("") if "" in table else None]]


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_answer_begins_with_its_question_and_shows_its_sql(name: str, told: str) -> None:
    comment, _, sql = query_text(name).partition("\n")
    question = comment.removeprefix("-- ")
    assert f"\n{question[0].upper()}{question[1:]}" in told
    assert sql in told


def test_the_first_answer_counts_subscribers_and_their_subscriptions(
    told: str, world: World
) -> None:
    live = [record for record in world.truth("subscriptions") if record["live"]]
    customers = {record["customer"] for record in live}
    assert rows_under(told, "subscribers ") == [[f"{len(customers):,}", f"{len(live):,}"]]


def test_the_second_answer_is_the_revenue_of_the_newest_months(told: str, world: World) -> None:
    expected = []
    for month in ("2026-06-01", "2026-05-01", "2026-04-01"):
        paid = [
            Decimal(order["sub_total"])
            for order in world.truth("orders")
            if order["status"] == 5 and order["place"].startswith(month[:7])
        ]
        expected.append([month, "USD", f"{len(paid):,}", f"{sum(paid):,.2f}"])
    assert rows_under(told, "month_start_date  currency") == expected


def test_the_third_answer_is_the_churn_of_the_newest_complete_months(told: str) -> None:
    rows = rows_under(told, "month_start_date  subscribers")
    assert [row[0] for row in rows] == ["2026-05-01", "2026-04-01", "2026-03-01"]
    for _, subscribers, lost, percent in rows:
        assert percent == f"{100 * int(lost) / int(subscribers):.2f}"


def test_the_answers_fit_on_a_screen_of_eighty_eight_columns(told: str) -> None:
    lines = told.splitlines()
    assert max(map(len, lines)) <= 88
    assert len(lines) < 70


def test_numbers_end_at_the_same_place(told: str) -> None:
    lines = told.splitlines()
    start = next(
        at for at, line in enumerate(lines) if line.startswith("month_start_date  currency")
    )
    table = [lines[start], *lines[start + 2 : start + 2 + MOST_ROWS]]
    assert len({len(line) for line in table}) == 1


def test_the_demo_goes_its_way_whatever_the_settings_files_say(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    mine = '[sources.ordergroove]\nentities = "orders"\ndataset = "mine"\npublish = "copy.duckdb"'
    (tmp_path / ".dlt" / "config.toml").write_text(mine, "utf-8")
    with contextlib.chdir(tmp_path):
        settings = settings_for("http://127.0.0.1:8400", Path("demo.duckdb"))
    assert settings.entities == tuple(ENTITIES)
    assert (settings.dataset, settings.publish) == ("ordergroove", None)


def test_the_demo_ends_with_a_page_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["demo", "--customers", "20", "--into", "small.duckdb"])
    assert done.exit_code == 0, done.output
    assert "open small.html in a browser" in done.output
    assert "Ask it more:" in done.output
    page = (tmp_path / "small.html").read_text("utf-8")
    assert "subscribers now" in page
    assert "does not have" not in page
    # and once more, in the place of the first
    again = CliRunner().invoke(cli, ["demo", "--customers", "3", "--into", "small.duckdb"])
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    "statement",
    [
        None,
        "create table mine as select 1 as one",
        "create schema ordergroove; create table ordergroove.customers as select 'me' as merchant",
    ],
)
def test_a_demo_takes_the_place_of_nobodys_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.duckdb"
    if statement is None:
        file.write_text("not a database")
    else:
        with duckdb.connect(str(file)) as connection:
            connection.execute(statement)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="no demo has made it"):
        cli.main(["demo", "--customers", "3", "--into", "mine.duckdb"], standalone_mode=False)
    assert file.read_bytes() == before


def test_a_demo_without_the_charting_library_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    javascript.cache_clear()
    with opened(settings_for("http://127.0.0.1:8400", tmp_path / "new.duckdb")) as warehouse:
        said = picture(warehouse, tmp_path / "page.html")
    assert "pip install 'ordergroove-elt[report]'" in said
    assert list(tmp_path.glob("*.html")) == []
