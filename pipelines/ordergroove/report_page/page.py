"""The page around the charts: words, numbers as tables, the SQL of each, styles and scripts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.report_page.asking import Row, Shown
from pipelines.ordergroove.report_page.charts import CURRENCY, UNKNOWN_CURRENCY
from pipelines.ordergroove.report_page.elements import (
    Html,
    element,
    fingerprint,
    joined,
    json_block,
    script,
)
from pipelines.ordergroove.report_page.grammar import Legend, Spec
from pipelines.ordergroove.report_page.specs import drawing_of
from pipelines.ordergroove.report_page.values import age, cell, count, money

MOST_ROWS = 60
"""Of a table of numbers: the newest stand for all of them."""

WHOLE = frozenset({"retention", "freshness", "gaps"})
"""Charts that take the page's whole width."""

WITHOUT_SCRIPTS = (
    "The charts need JavaScript, which is switched off here. Below each of them are its numbers."
)


def page(charts: Sequence[Shown], *, name: str, now: DateTime, library: str) -> str:
    """The whole page; `library` is the charting library's JavaScript.

    The same charts, time and library give the same text.
    """
    specs: dict[str, Spec] = {}
    sections = [
        section(title, list(found), specs, now)
        for title, found in groupby(charts, key=lambda one: one.chart.section)
    ]
    drawing = part("page.js")
    body = element(
        "body",
        element("header", *heading(name, now)),
        element("noscript", element("main", element("p", WITHOUT_SCRIPTS, class_="empty"))),
        element("main", *sections),
        element("footer", f"Written {now:YYYY-MM-DD HH:mm} UTC by ordergroove report."),
        json_block("charts", specs),
        script(library),
        script(drawing),
    )
    return f'<!doctype html>\n<html lang="en">{head(name, [library, drawing])}{body}</html>\n'


def part(file: str) -> str:
    return (files("pipelines.ordergroove.report_page") / file).read_text("utf-8")


def head(name: str, scripts: Iterable[str]) -> Html:
    """What the browser is told first: the page's own two scripts run, and nothing is fetched."""
    allowed = " ".join(fingerprint(source) for source in scripts)
    rules = f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=rules),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", f"{name}: subscriptions"),
        element("style", Html(part("page.css"))),
    )


def heading(name: str, now: DateTime) -> Iterable[Html]:
    yield element("h1", f"{name}: subscriptions")
    yield element(
        "p",
        f"As the warehouse stood on {now:D MMMM YYYY, HH:mm} UTC. Under each chart stands its SQL,"
        " which ",
        element("code", "ordergroove query"),
        " answers too.",
        class_="soft",
    )


def section(title: str, charts: Sequence[Shown], specs: dict[str, Spec], now: DateTime) -> Html:
    figures = [figure(one, specs, now) for one in charts]
    return element("section", element("h2", title), element("div", *figures, class_="charts"))


def figure(one: Shown, specs: dict[str, Spec], now: DateTime) -> Html:
    chart = one.chart
    return element(
        "article",
        element("h3", chart.title),
        element("p", chart.definition, class_="definition"),
        *contents(one, specs, now),
        *numbers_of(one),
        element("details", element("summary", "SQL"), element("pre", element("code", one.sql))),
        class_="chart whole" if chart.name in WHOLE else "chart",
        id=chart.name,
    )


def contents(one: Shown, specs: dict[str, Spec], now: DateTime) -> Iterable[Html]:
    """What is drawn, or in words why nothing is."""
    if one.missing:
        views = ", ".join(one.missing)
        words = f"This warehouse does not have {views}: `ordergroove views apply` makes it."
        return [element("p", words, class_="empty")]
    if one.refused:
        words = f"The warehouse could not answer this: {one.refused}"
        return [element("p", words, class_="empty warn")]
    if not one.rows:
        return [element("p", one.chart.empty, class_="empty")]
    if one.chart.kind == "figures":
        return [figures_of(one.rows)]
    if one.chart.kind == "table":
        aged = [with_age(row, now) for row in one.rows]
        return [element("div", table(aged), class_="scroll")]
    return [
        panel(one, f"{one.chart.name}-{at}", currency, rows, specs)
        for at, (currency, rows) in enumerate(one.panels.items())
    ]


def panel(
    one: Shown, place: str, currency: str, rows: Sequence[Row], specs: dict[str, Spec]
) -> Html:
    drawing = drawing_of(one.chart, rows)
    specs[place] = drawing.spec
    title = f"{one.chart.title}, {currency}" if currency else one.chart.title
    plot = element("div", class_="plot", id=place, role="img", aria_label=title)
    heading = [element("h4", currency)] if currency else []
    inside = (*heading, *legend(drawing.legend), plot)
    return element("div", *inside, class_="panel wide" if one.chart.is_wide else "panel")


def legend(colours: Legend) -> Iterable[Html]:
    for label, colour in colours.items():
        swatch = element("i", class_=f"swatch {colour}")
        yield element("span", swatch, label, class_="legend")


def figures_of(rows: Sequence[Row]) -> Html:
    shown = [
        element("div", element("dt", str(row["figure"])), element("dd", amount(row)))
        for row in rows
    ]
    return element("dl", *shown, class_="figures")


def amount(row: Row) -> str:
    if CURRENCY not in row:
        return count(row["amount"])
    return money(row["amount"], row[CURRENCY] or UNKNOWN_CURRENCY)


def with_age(row: Row, now: DateTime) -> Mapping[str, Any]:
    """A row of a table, told for how long its newest read is past."""
    if "last_read_at" not in row:
        return row
    since = row["last_read_at"]
    return {"entity": row["entity"], "age": age(since, now) if since else "never read"} | dict(row)


def numbers_of(one: Shown) -> Iterable[Html]:
    """The rows behind what is drawn, for whoever reads better than looks."""
    if not one.rows or one.chart.kind in ("figures", "table"):
        return []
    newest = list(one.rows)[-MOST_ROWS:]
    title = "Numbers"
    if len(one.rows) > MOST_ROWS:
        title += f": the last {MOST_ROWS} of {len(one.rows):,} rows, the SQL gives all"
    paid = {measure.column for measure in one.chart.measures if one.chart.is_money}
    inside = element("div", table(newest, paid), class_="scroll")
    return [element("details", element("summary", title), inside)]


def table(rows: Sequence[Row], paid: Collection[str] = ()) -> Html:
    names = list(rows[0])
    numeric = {name for name in names if any(is_number(row[name]) for row in rows)}
    classes = {name: "number" if name in numeric else "" for name in names}
    heads = [element("th", worded(name), scope="col", class_=classes[name]) for name in names]
    lines = [
        element(
            "tr",
            *(
                element("td", cell(name, row[name], is_paid=name in paid), class_=classes[name])
                for name in names
            ),
        )
        for row in rows
    ]
    return element(
        "table", element("thead", element("tr", *heads)), element("tbody", joined(*lines))
    )


def is_number(value: object) -> bool:
    return hasattr(value, "__round__") and not isinstance(value, bool)


def worded(name: str) -> str:
    """A column's name as words, without what only SQL needs."""
    short = name.removesuffix("_at").removesuffix("_date").removesuffix("_code")
    return short.replace("_", " ")
