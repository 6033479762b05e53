"""The report in a real browser: what somebody sees who opens the file, wherever that is."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from pipelines.ordergroove.report_page.charts import CHARTS
from pipelines.ordergroove.report_page.writer import write_report
from tests.report_shop import HOSTILE, WRITTEN_AT, looked_at, make_shop
from tests.servers import lacking

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRAWN = "html[data-drawn=all]"
DEADLINE_MS = 60_000
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True}
WAYS = {
    "light": DESK | {"color_scheme": "light"},
    "dark": DESK | {"color_scheme": "dark"},
    "phone": PHONE | {"color_scheme": "light"},
}
CHARTS_DRAWN = {chart.name for chart in CHARTS if chart.kind not in ("figures", "table")}

MARKS = """places => Object.fromEntries(places.map(place => [
    place.id,
    {drawn: place.dataset.drawn, said: place.textContent.slice(0, 200),
     marks: [...place.querySelectorAll('.role-mark path, .role-mark text')].filter(mark => {
         const box = mark.getBoundingClientRect(); return box.width > 0 && box.height > 0;
     }).length}
]))"""
PAINT = """() => {
    const fills = [...document.querySelectorAll('.plot svg .mark-rect path')]
        .map(mark => getComputedStyle(mark).fill);
    return {ground: getComputedStyle(document.body).backgroundColor, fills: [...new Set(fills)]};
}"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("report")
    make_shop(directory)
    with looked_at(directory) as warehouse:
        return write_report(warehouse, directory / "report.html", WRITTEN_AT).path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        lacking("Chromium")
    with sync_playwright() as driver:
        # as root, as in most containers, Chromium starts only without its sandbox
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """One opened page, and what it did that nobody asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def drawn(self) -> dict[str, dict[str, Any]]:
        """The panels by name, and how many marks can be seen in each."""
        found: dict[str, dict[str, Any]] = self.page.eval_on_selector_all(".plot", MARKS)
        return found


@contextmanager
def visited(browser: Browser, file: Path, **ways: Any) -> Iterator[Visit]:
    context = browser.new_context(**ways)
    try:
        visit = Visit(context.new_page())
        visit.page.goto(file.as_uri())
        if ways.get("java_script_enabled", True):
            visit.page.wait_for_selector(DRAWN, timeout=DEADLINE_MS)
        yield visit
    finally:
        context.close()


@pytest.mark.parametrize("way", WAYS)
def test_every_chart_is_drawn_and_nothing_is_fetched(
    way: str, browser: Browser, page_file: Path
) -> None:
    with visited(browser, page_file, **WAYS[way]) as visit:
        panels = visit.drawn()
        assert {name.rpartition("-")[0] for name in panels} == CHARTS_DRAWN
        blank = {
            name: one for name, one in panels.items() if one["drawn"] != "yes" or not one["marks"]
        }
        assert blank == {}
        assert visit.requests == [page_file.as_uri()]
        assert visit.complaints == []


@pytest.mark.parametrize("way", WAYS)
def test_nothing_sticks_out_of_the_screen(way: str, browser: Browser, page_file: Path) -> None:
    with visited(browser, page_file, **WAYS[way]) as visit:
        wide = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        over = visit.page.eval_on_selector_all(
            ".panel:not(.wide) svg",
            "all => all.filter(one => one.getBoundingClientRect().right"
            " > one.closest('.panel').getBoundingClientRect().right + 1).length",
        )
        assert over == 0


def test_dark_and_light_and_paper_have_their_own_colours(browser: Browser, page_file: Path) -> None:
    paints = []
    for way in ("light", "dark"):
        with visited(browser, page_file, **WAYS[way]) as visit:
            paints.append(visit.page.evaluate(PAINT))
            visit.page.emulate_media(media="print")
            paints.append(visit.page.evaluate(PAINT))
    light, light_paper, dark, dark_paper = paints
    assert light["ground"] != dark["ground"]
    assert set(light["fills"]).isdisjoint(dark["fills"])
    # whatever the screen is set to, paper is white
    assert dark_paper == light_paper
    assert light_paper["ground"] == "rgb(255, 255, 255)"


def test_the_sql_is_one_click_away(browser: Browser, page_file: Path) -> None:
    with visited(browser, page_file, **DESK) as visit:
        for chart in CHARTS:
            code = visit.page.locator(f"#{chart.name} code")
            assert not code.is_visible()
            visit.page.locator(f"#{chart.name} summary", has_text=re.compile("^SQL$")).click()
            assert code.is_visible()


def test_a_number_is_told_under_the_pointer(browser: Browser, page_file: Path) -> None:
    with visited(browser, page_file, **DESK) as visit:
        visit.page.locator("#subscriber_movement .mark-rect path").first.hover()
        told = visit.page.locator("#vg-tooltip-element.visible")
        told.wait_for(timeout=DEADLINE_MS)
        assert "amount" in told.inner_text()


def test_a_product_that_is_named_like_a_script_runs_nothing(
    browser: Browser, page_file: Path
) -> None:
    with visited(browser, page_file, **DESK) as visit:
        assert HOSTILE in visit.page.locator("#upcoming_products .legend").first.inner_text()
        visit.page.locator("#upcoming_products .mark-rect path").first.hover()
        told = visit.page.locator("#vg-tooltip-element.visible")
        told.wait_for(timeout=DEADLINE_MS)
        assert visit.page.locator("img").count() == 0
        assert visit.page.title() == "ordergroove: subscriptions"
        assert visit.requests == [page_file.as_uri()]


def test_without_scripts_the_numbers_are_still_there(browser: Browser, page_file: Path) -> None:
    with visited(browser, page_file, **DESK, java_script_enabled=False) as visit:
        assert visit.page.locator("noscript").inner_text().startswith("The charts need JavaScript")
        visit.page.locator("#revenue summary", has_text="Numbers").click()
        assert visit.page.locator("#revenue table").is_visible()


def test_it_prints_on_a_few_pages(browser: Browser, page_file: Path) -> None:
    with visited(browser, page_file, **DESK) as visit:
        printed = visit.page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 10
