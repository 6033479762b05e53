"""The kinds of chart, each as what it adds to a panel in Vega-Lite."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pipelines.ordergroove.report_page.asking import Row
from pipelines.ordergroove.report_page.charts import Chart, Measure
from pipelines.ordergroove.report_page.grammar import (
    COUNTED,
    SERIES,
    Spec,
    by_series,
    colour,
    colours_of,
    melted,
    of_measures,
    tooltip,
    vertical,
    written,
)
from pipelines.ordergroove.report_page.values import (
    day,
    month_told,
    months,
    number,
    share,
    short_day,
    weeks,
)

MONTHS_TOLD = 7
"""At the foot of a chart, however many there are: so many stand side by side on a phone."""

BARS: Spec = {"type": "bar", "width": {"expr": "min(0.92 * bandwidth('x'), 48)"}}
"""A shop of two months has bars, not walls."""

DEPTHS = (0.04, 0.55)
"""Of a cell's colour, from no rate to a full one: the number on it can be read on all of them."""

FEW = 40
"""Points that stand out on a line; more of them are the line."""


ROOM = "{whole} * width / max(width - 120, width / 2)"
"""Where an axis ends so that words of 120 pixels stand behind its longest bar."""

AREA: Spec = {
    "type": "area",
    "fillOpacity": 0.15,
    "line": {"strokeWidth": 2},
    "interpolate": "step-after",
}
DAYS: Spec = {
    "field": "x",
    "type": "temporal",
    "title": None,
    "axis": {"tickCount": 8},
    "scale": {"type": "utc"},
}
MONTH = ("x", "month", "text")
NEAREST = {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"}


def line(chart: Chart, rows: Sequence[Row]) -> Spec:
    """Days as an area, months as points on a line."""
    is_daily = chart.along == "date_day"
    values = melted(chart, rows) if is_daily else by_month(chart, rows)
    return {
        "data": {"values": values},
        "encoding": {
            "x": DAYS if is_daily else month_axis(chart, rows),
            "y": vertical(chart, values) | {"stack": None},
            "color": by_series(of_measures(chart.measures)),
        },
        "layer": [
            {"mark": AREA if is_daily else {"type": "line", "strokeWidth": 2}},
            points(chart, ("x", "day", "day") if is_daily else MONTH, len(rows)),
        ],
    }


def points(chart: Chart, when: tuple[str, str, str], how_many: int) -> Spec:
    """The one next to the pointer stands out, and says what it is."""
    seen: Spec = {"condition": {"param": "near", "empty": False, "value": 1}}
    told = tooltip(when, SERIES, ("value", "amount", written(chart)))
    return {
        "params": [{"name": "near", "select": NEAREST}],
        "mark": {"type": "point", "filled": True, "size": 36},
        "encoding": {
            "opacity": seen | {"value": 1 if how_many <= FEW else 0},
            "tooltip": told,
        },
    }


def movement(chart: Chart, rows: Sequence[Row]) -> Spec:
    values = by_month(chart, rows)
    rate = [("rate", chart.rate.replace("_", " "), ".1%")] if chart.rate else []
    return {
        "data": {"values": values},
        "mark": BARS,
        "encoding": {
            "x": month_axis(chart, rows),
            "y": vertical(chart, values),
            "color": by_series(of_measures(chart.measures)),
            "tooltip": tooltip(MONTH, SERIES, ("value", "amount", written(chart)), *rate),
        },
    }


def by_month(chart: Chart, rows: Sequence[Row]) -> list[Spec]:
    return [
        value | {"x": month_told(date.fromisoformat(value["x"]))} for value in melted(chart, rows)
    ]


def month_axis(chart: Chart, rows: Sequence[Row]) -> Spec:
    starts = [day(row[chart.along]) for row in rows]
    shown = [month_told(month) for month in months(min(starts), max(starts))]
    return along(shown) | {"axis": {"labelAngle": 0, "values": some(shown)}}


def along(shown: Sequence[str]) -> Spec:
    """Months or weeks side by side, those without a bar too."""
    return {"field": "x", "type": "ordinal", "title": None, "scale": {"domain": [*shown]}}


def some(shown: Sequence[Any]) -> Sequence[Any]:
    """Those that are told at the foot of a chart: all of them, or every second, or third ..."""
    return shown[:: -(-len(shown) // MONTHS_TOLD)]


def heat(chart: Chart, rows: Sequence[Row]) -> Spec:
    measure = chart.measures[0]
    values = [heat_value(chart, row) for row in rows]
    cohorts = list(dict.fromkeys(value["cohort"] for value in values))
    top: Spec = {"orient": "top", "labelAngle": 0, "domain": False, "ticks": False}
    side: Spec = {"field": "cohort", "type": "ordinal", "sort": cohorts, "title": None}
    told = tooltip(
        ("cohort", "cohort", "text"), ("after", "month", COUNTED),
        ("rate", measure.label, ".1%"), ("retained", "customers", "text"),
    )  # fmt: skip
    after = {"field": "after", "type": "ordinal", "title": "months after the first", "axis": top}
    return {
        "height": 22 * len(cohorts),
        "data": {"values": values},
        "encoding": {
            "x": after,
            "y": side | {"axis": {"labelOverlap": False}},
            "tooltip": told,
        },
        "layer": [heat_cells(measure), HEAT_WORDS],
    }


def heat_value(chart: Chart, row: Row) -> Spec:
    rate = row[chart.measures[0].column]
    return {
        "cohort": f"{month_told(day(row[chart.split]))} ({row['cohort_size']:,})",
        "after": row[chart.along],
        "rate": number(rate),
        "shown": f"{100 * rate:.0f}",
        "retained": f"{row['retained']:,} of {row['cohort_size']:,}",
    }


def heat_cells(measure: Measure) -> Spec:
    # most rates lie near 1: the power tells them apart
    scale = {"type": "pow", "exponent": 2, "domain": [0, 1], "range": DEPTHS, "clamp": True}
    depth = {"field": "rate", "type": "quantitative", "legend": None, "scale": scale}
    return {
        "mark": {"type": "rect", "fill": colour(measure.colour), "stroke": "var(--paper)"},
        "encoding": {"fillOpacity": depth},
    }


HEAT_WORDS: Spec = {
    "mark": {"type": "text", "fontSize": 10, "color": "var(--ink)"},
    "encoding": {"text": {"field": "shown"}},
}


def funnel(chart: Chart, rows: Sequence[Row]) -> Spec:
    """Bars below each other; the first one is what the others are a share of."""
    amounts = {measure.label: rows[0][measure.column] or 0 for measure in chart.measures}
    whole = next(iter(amounts.values()))
    values = [
        {"series": label, "value": number(amount), "told": f"{amount:,.0f}"}
        | ({"told": f"{amount:,.0f} ({share(amount, whole)})"} if at else {})
        for at, (label, amount) in enumerate(amounts.items())
    ]
    words = {"labelFontSize": 12, "labelLimit": 200, "labelColor": "var(--ink)"}
    side = {"field": "series", "type": "ordinal", "sort": [*amounts], "title": None}
    length = {"domainMin": 0, "domainMax": {"expr": ROOM.format(whole=number(whole) or 1)}}
    return {
        "height": 34 * len(amounts),
        "data": {"values": values},
        "encoding": {
            "y": side | {"axis": words},
            "x": {"field": "value", "type": "quantitative", "axis": None, "scale": length},
        },
        "layer": funnel_layers(chart),
    }


def funnel_layers(chart: Chart) -> list[Spec]:
    bars: Spec = {
        "mark": {"type": "bar", "cornerRadiusEnd": 3},
        "encoding": {"color": by_series(of_measures(chart.measures))},
    }
    words: Spec = {
        "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 12},
        "encoding": {"text": {"field": "told"}},
    }
    return [bars, words]


def week_bars(chart: Chart, rows: Sequence[Row]) -> Spec:
    measure = chart.measures[0]
    colours = colours_of(chart, rows) if chart.split else of_measures(chart.measures)
    starts = [day(row[chart.along]) for row in rows]
    shown = [short_day(week) for week in weeks(min(starts), max(starts))]
    values = [week_value(chart, row, [*colours]) for row in rows]
    told = tooltip(
        ("x", "week from", "text"), SERIES, ("drawn", measure.label, written(chart)),
        ("orders", "orders", COUNTED),
    )  # fmt: skip
    return {
        "data": {"values": values},
        "mark": BARS,
        "encoding": {
            "x": along(shown) | {"axis": {"labelAngle": 0}},
            "y": vertical(chart, values),
            "color": by_series(colours),
            "order": {"field": "place"},
            "tooltip": told,
        },
    }


def week_value(chart: Chart, row: Row, names: Sequence[str]) -> Spec:
    measure = chart.measures[0]
    series = str(row[chart.split]) if chart.split else measure.label
    return {
        "x": short_day(day(row[chart.along])),
        "series": series,
        "drawn": number(row[measure.column]) or 0,
        "orders": row["orders"],
        "place": names.index(series),
    }
