"""The report: one page that can be trusted, mailed and opened anywhere."""

import datetime as dt
import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
from click.testing import CliRunner, Result

from pipelines.ordergroove.cli import cli
from pipelines.ordergroove.report_page import values
from pipelines.ordergroove.report_page.asking import all_shown, query_of, said
from pipelines.ordergroove.report_page.charts import CHARTS, CURRENCY, Chart, Measure
from pipelines.ordergroove.report_page.elements import VOID, Html, element, json_block, script
from pipelines.ordergroove.report_page.grammar import whole_steps
from pipelines.ordergroove.report_page.library import javascript
from pipelines.ordergroove.report_page.page import page, part
from pipelines.ordergroove.report_page.shapes import DEPTHS
from pipelines.ordergroove.report_page.writer import write_report
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.sql_layer.dialects import DIALECTS, offences, parsed, tables_in
from pipelines.ordergroove.sql_layer.models import models
from sources.ordergroove.errors import ConfigError
from tests.marts.shops import apply, copied, warehouse_of
from tests.report_shop import HOSTILE, WRITTEN_AT, looked_at, make_shop, world

LAYERED = {model.name for model in models()} | {"dim_dates"}
NO_LIBRARY = "window.vegaEmbed = async () => {}"
"""What stands in the page here for a megabyte of charting library."""


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the texts of each kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data

    @property
    def specs(self) -> dict[str, Any]:
        scripts = [attrs for tag, attrs in self.elements if tag == "script"]
        at = next(at for at, attrs in enumerate(scripts) if attrs.get("id") == "charts")
        found: dict[str, Any] = json.loads(self.texts["script"][at])
        return found


def drawn(database: InWarehouse) -> str:
    return page(all_shown(database), name="ordergroove", now=WRITTEN_AT, library=NO_LIBRARY)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a warehouse, to be copied by whoever changes it."""
    directory = tmp_path_factory.mktemp("report")
    make_shop(directory)
    return directory / "warehouse.duckdb"


@pytest.fixture(scope="module")
def database(made: Path) -> Iterator[InWarehouse]:
    with looked_at(made.parent) as warehouse:
        yield InWarehouse(warehouse=warehouse)


@pytest.fixture
def left(made: Path, tmp_path: Path) -> Path:
    """A directory with a warehouse of the test's own."""
    shutil.copy(made, tmp_path)
    return tmp_path


def change(directory: Path, *statements: str) -> None:
    with duckdb.connect(str(directory / "warehouse.duckdb")) as connection:
        connection.execute("use ordergroove")
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="module")
def text(database: InWarehouse) -> str:
    return drawn(database)


@pytest.fixture(scope="module")
def seen(text: str) -> Page:
    return Page(text)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_query_keeps_to_the_common_subset_and_reads_only_views(chart: Chart) -> None:
    query = parsed(query_of(chart))
    assert offences(query) == []
    assert tables_in(query) <= LAYERED
    assert query_of(chart).startswith("-- one row")


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_query_brings_every_column_that_its_chart_draws(chart: Chart) -> None:
    wanted = {measure.column for measure in chart.measures} | {chart.along, chart.split, chart.rate}
    wanted |= {CURRENCY} if chart.is_money else set()
    assert wanted - {""} <= set(parsed(query_of(chart)).named_selects)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_query_can_be_said_in_every_dialect(dialect: str) -> None:
    for chart in CHARTS:
        assert "fct_" in (text := said(parsed(query_of(chart)), dialect, "shop")) or "meta_" in text


def test_names_of_charts_are_taken_once() -> None:
    assert len({chart.name for chart in CHARTS}) == len(CHARTS)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"definition": "Subscribers"}, "a sentence"),
        ({"empty": ""}, "a sentence"),
        ({"kind": "line"}, "0 measures"),
    ],
)
def test_a_chart_that_nobody_could_read_is_refused(wrong: dict[str, Any], reason: str) -> None:
    fine = {"definition": "All of them.", "empty": "There are none.", "kind": "table"}
    with pytest.raises(ValueError, match=reason):
        Chart(name="new", section="New", title="New", **(fine | wrong))


def test_a_sign_is_up_or_down() -> None:
    with pytest.raises(ValueError, match="sign"):
        Measure(column="amount", label="amount", colour="blue", sign=0)


def test_every_chart_stands_on_the_page_with_its_definition_and_its_sql(seen: Page) -> None:
    assert [one["id"] for tag, one in seen.elements if tag == "article"] == [
        chart.name for chart in CHARTS
    ]
    assert seen.texts["h3"] == [chart.title for chart in CHARTS]
    assert set(seen.texts["code"]) >= {query_of(chart) for chart in CHARTS}
    assert set(seen.texts["p"]) >= {chart.definition for chart in CHARTS}


def test_the_same_warehouse_at_the_same_time_is_the_same_page(
    database: InWarehouse, text: str
) -> None:
    assert drawn(database) == text


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_another_engine_shows_the_same_numbers(
    engine: str, database: InWarehouse, seen: Page, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    destination = request.getfixturevalue(f"{engine}_url")
    with copied(database, destination, tmp_path) as other:
        apply(other, world())
        found = Page(drawn(other))
    assert found.specs == seen.specs
    assert (found.texts["dd"], found.texts["td"]) == (seen.texts["dd"], seen.texts["td"])


def test_the_subscribers_are_those_of_ordergroove(seen: Page) -> None:
    live = {row["customer"] for row in world().truth("subscriptions") if row["live"]}
    told = dict(zip(seen.texts["dt"], seen.texts["dd"], strict=True))
    assert told["subscribers now"] == f"{len(live):,}"
    assert seen.specs["subscribers-0"]["data"]["values"][-1]["value"] == len(live)


def test_each_currency_has_a_panel_and_none_is_added_to_another(
    seen: Page, database: InWarehouse
) -> None:
    assert {"EUR", "USD"} == set(seen.texts["h4"])
    sql = "select sum(run_rate) from ordergroove.fct_mrr_monthly where not is_complete"
    for at, currency in enumerate(("EUR", "USD")):
        ((rate,),) = database.rows(f"{sql} and currency_code = '{currency}'")
        rates = [one for one in seen.specs[f"revenue-{at}"]["data"]["values"]
                 if one["series"] == "run-rate"]  # fmt: skip
        assert Decimal(str(rates[-1]["value"])) == rate
        assert f"{rate:,.0f} {currency}" in seen.texts["dd"]


def test_movements_add_up_to_the_subscribers(seen: Page) -> None:
    moved = seen.specs["subscriber_movement-0"]["data"]["values"]
    assert min(one["drawn"] for one in moved) < 0
    newest = seen.specs["subscribers-0"]["data"]["values"][-1]["value"]
    assert sum(one["drawn"] for one in moved) == newest


def test_a_name_made_by_somebody_else_stays_text(seen: Page, text: str) -> None:
    assert HOSTILE not in text
    assert not [tag for tag, _ in seen.elements if tag in ("img", "b")]
    named = {one["series"] for one in seen.specs["upcoming_products-0"]["data"]["values"]}
    assert HOSTILE in named
    assert HOSTILE in seen.texts["span"]


def test_nothing_on_the_page_is_fetched_from_anywhere(seen: Page, text: str) -> None:
    fetching = {"src", "href", "srcset", "action", "background", "data", "poster"}
    assert not [attrs for _, attrs in seen.elements if fetching & attrs.keys()]
    assert "url(" not in text
    assert "@import" not in text
    rules = next(str(one["content"]) for _, one in seen.elements if "http-equiv" in one)
    assert rules.startswith("default-src 'none'")
    assert "unsafe" not in rules.partition("script-src")[2]


def test_no_customer_is_on_the_page(text: str) -> None:
    assert not [one for one in world().truth("customers") if str(one["email"]) in text]
    columns = {name for chart in CHARTS for name in parsed(query_of(chart)).named_selects}
    assert not [name for name in columns if "customer" in name or name.endswith("_id")]


def test_a_shop_without_subscribers_is_told_so_in_words(tmp_path: Path) -> None:
    with warehouse_of(world(customers=0, days=1), tmp_path) as database:
        seen = Page(drawn(database))
    told = [chart.empty for chart in CHARTS if chart.name != "freshness"]
    assert [line for line in seen.texts["p"] if line in told] == told
    assert seen.specs == {}


def test_a_shop_of_one_day_has_no_cohort_yet(tmp_path: Path) -> None:
    with warehouse_of(world(customers=3, days=5), tmp_path) as database:
        seen = Page(drawn(database))
    empty = next(chart.empty for chart in CHARTS if chart.name == "retention")
    assert empty in seen.texts["p"]
    assert "retention-0" not in seen.specs


def test_a_missing_view_is_named_and_the_other_charts_are_drawn(left: Path) -> None:
    change(left, "drop view fct_dunning")
    with looked_at(left) as warehouse:
        seen = Page(drawn(InWarehouse(warehouse=warehouse)))
    assert any("does not have fct_dunning" in line for line in seen.texts["p"])
    assert "recovery-0" not in seen.specs
    assert "placement-0" in seen.specs


def test_a_warehouse_without_views_gets_no_page_but_the_remedy(left: Path) -> None:
    change(left, *(f"drop view if exists {model.name}" for model in models()))
    with looked_at(left) as warehouse, pytest.raises(ConfigError, match="views apply"):
        all_shown(InWarehouse(warehouse=warehouse))


def report(directory: Path, *words: str) -> Result:
    destination = f"duckdb:///{directory / 'warehouse.duckdb'}"
    return CliRunner().invoke(cli, ["report", "--destination", destination, *words])


def test_the_command_writes_the_page_and_says_where(left: Path) -> None:
    done = report(left, "--to", str(left / "page.html"))
    assert done.exit_code == 0, done.output
    assert str(left / "page.html") in done.output
    written = (left / "page.html").read_text("utf-8")
    assert "window.vegaEmbed" in written
    assert {path.name for path in left.glob("*page*")} == {"page.html"}
    told = json.loads(report(left, "--json", "--to", str(left / "page.html")).stdout)
    assert told == {
        "path": str(left / "page.html"),
        "charts": told["charts"],
        "asked": len(CHARTS),
        "not_answered": [],
    }


def test_a_view_that_cannot_answer_is_told_on_the_page_and_to_cron(left: Path) -> None:
    change(
        left,
        "create table gone as select 1 as one",
        "create or replace view fct_dunning as select * from gone",
        "drop table gone",
    )
    done = report(left, "--to", str(left / "page.html"))
    assert done.exit_code == 5
    assert "Not answered: recovery: " in done.stderr
    as_json = report(left, "--json", "--to", str(left / "page.html"))
    assert (as_json.exit_code, as_json.stderr) == (5, "")
    assert json.loads(as_json.stdout)["not_answered"][0].startswith("recovery: ")
    assert "could not answer this" in (left / "page.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_is_a_message(left: Path) -> None:
    with looked_at(left) as warehouse, pytest.raises(ConfigError, match="cannot be written"):
        write_report(warehouse, left / "nowhere" / "page.html", WRITTEN_AT)


def test_without_the_charting_library_the_remedy_is_told(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    javascript.cache_clear()
    with looked_at(left) as warehouse, pytest.raises(ConfigError, match=r"\[report\]"):
        write_report(warehouse, left / "page.html", WRITTEN_AT)
    assert not (left / "page.html").exists()


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_number_of_the_heat_map_can_be_read(theme: int) -> None:
    """Source: WCAG 2.1, contrast (minimum) of small text, 4.5 to 1."""
    colours = dict(re.findall(r"--(\w+): (#\w{6})", part("page.css").split(":root")[theme + 1]))
    ink, paper, blue = (rgb(colours[name]) for name in ("ink", "paper", "blue"))
    for depth in DEPTHS:
        cell = [depth * over + (1 - depth) * under for over, under in zip(blue, paper, strict=True)]
        lighter, darker = sorted((luminance(ink), luminance(cell)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def rgb(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def luminance(colour: Sequence[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_is_escaped_and_html_is_not() -> None:
    made = element("p", "1 < 2 & ", element("b", '"x"'), class_='a"b', hidden=True, id="")
    assert made == '<p class="a&quot;b" hidden>1 &lt; 2 &amp; <b>&quot;x&quot;</b></p>'
    assert isinstance(made, Html)


def test_a_block_of_values_cannot_be_ended_from_inside() -> None:
    value = {"name": "</script><!-- \u2028 & ü"}
    made = json_block("values", value)
    inside = made.removeprefix('<script type="application/json" id="values">')
    inside = inside.removesuffix("</script>")
    assert not set("<>&\u2028") & set(inside)
    assert json.loads(inside) == value


def test_a_script_that_would_end_its_element_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        script("let a = '</SCRIPT>'")


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("orders", 1234, "1,234"),
        ("orders", Decimal(1234), "1,234"),
        ("recovery_rate", Decimal("0.846154"), "84.6 %"),
        ("recovery_rate", None, values.NONE),
        ("date_day", dt.date(2026, 6, 1), "2026-06-01"),
        ("week_start_date", "2026-06-01 00:00:00", "2026-06-01"),
        ("last_read_at", dt.datetime(2026, 6, 1, 8, 5), "2026-06-01 08:05 UTC"),  # noqa: DTZ001  # as engines without zones give it
        ("entity", "orders", "orders"),
    ],
)
def test_values_read_the_same_whatever_engine_gave_them(column: str, value: Any, told: str) -> None:
    assert values.cell(column, value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(Decimal("1234.5000"), "1,234.50"), (0, "0.00"), (0.125, "0.12"), (None, values.NONE)],
)
def test_money_has_two_places_whatever_engine_gave_it(value: Any, told: str) -> None:
    assert values.cell("run_rate", value, is_paid=True) == told


@pytest.mark.parametrize(
    ("minutes", "told"),
    [(0, "just now"), (1, "1 minute ago"), (119, "1 hour ago"), (60 * 49, "2 days ago")],
)
def test_an_age_is_told_in_its_largest_unit(minutes: int, told: str) -> None:
    assert values.age(WRITTEN_AT.subtract(minutes=minutes), WRITTEN_AT) == told


def test_weeks_without_orders_keep_their_place() -> None:
    first, last = pendulum.date(2026, 6, 8), pendulum.date(2026, 6, 29)
    assert [values.short_day(week) for week in values.weeks(first, last)] == [
        "8 Jun", "15 Jun", "22 Jun", "29 Jun",
    ]  # fmt: skip


def test_an_axis_of_few_counts_has_no_halves() -> None:
    bars = [("Jan", 1), ("Jan", 2), ("Feb", 1), ("Feb", -1)]
    assert whole_steps([{"x": month, "drawn": drawn} for month, drawn in bars]) == [-1, 0, 1, 2, 3]


def test_months_without_events_keep_their_place() -> None:
    first, last = pendulum.date(2025, 11, 1), pendulum.date(2026, 2, 1)
    assert [values.month_told(month) for month in values.months(first, last)] == [
        "Nov 2025", "Dec 2025", "Jan 2026", "Feb 2026",
    ]  # fmt: skip


def test_a_share_of_nothing_is_nothing() -> None:
    assert values.share(3, 0) == values.NONE
    assert values.share(Decimal(1), Decimal(3)) == "33.3 %"
