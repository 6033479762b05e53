"""Charts as Vega-Lite, the grammar that the page's charting library draws.

Colours are the page's own variables, so that light, dark and paper need no second drawing. Days
travel as UTC: nobody's browser moves a month.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.ordergroove.report_page.asking import Row
from pipelines.ordergroove.report_page.charts import Chart, Kind
from pipelines.ordergroove.report_page.grammar import Legend, Spec, colours_of, of_measures
from pipelines.ordergroove.report_page.shapes import funnel, heat, line, movement, week_bars

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""A name that the library knows the grammar by; nothing is fetched from there."""

CONFIG: Spec = {
    "font": "system-ui, sans-serif",
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "gridColor": "var(--grid)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 11,
        "labelOverlap": "greedy",
        "labelSeparation": 8,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False},
    "text": {"color": "var(--ink)"},
}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One panel of a chart, as wide as the place it is put into."""

    spec: Spec
    legend: Legend


def drawing_of(chart: Chart, rows: Sequence[Row]) -> Drawing:
    spec = {
        "$schema": SCHEMA,
        "width": "container",
        "height": 240,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
    } | KINDS[chart.kind](chart, rows)
    return Drawing(spec=spec, legend=legend_of(chart, rows))


def legend_of(chart: Chart, rows: Sequence[Row]) -> Legend:
    """None where there is nothing to tell apart, or where the labels stand beside the bars."""
    if chart.kind == "weeks" and chart.split:
        return colours_of(chart, rows)
    if chart.kind in ("line", "movement") and len(chart.measures) > 1:
        return of_measures(chart.measures)
    return {}


KINDS: Mapping[Kind, Callable[[Chart, Sequence[Row]], Spec]] = {
    "line": line,
    "movement": movement,
    "heat": heat,
    "funnel": funnel,
    "weeks": week_bars,
}
