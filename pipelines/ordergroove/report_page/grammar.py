"""What every chart says in Vega-Lite alike: values, colours, axes, and what the pointer is told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.ordergroove.report_page.asking import Row
from pipelines.ordergroove.report_page.charts import Chart, Measure
from pipelines.ordergroove.report_page.values import day, number

Spec = dict[str, Any]
Legend = Mapping[str, str]
"""What the colours stand for: labels and names of colours."""

COUNTED, PAID = ",.0f", ",.2f"
COLOURS = ("blue", "amber", "teal", "purple", "red", "green", "sky")
"""For values that are not known beforehand, such as products."""

SERIES = ("series", "what", "text")
"""What the pointer is told of a bar or a point beside its number."""

REST = "all others"
FEW_STEPS = 6


def colour(name: str) -> str:
    return f"var(--{name})"


def colours_of(chart: Chart, rows: Sequence[Row]) -> Legend:
    """A colour for each value of the split; the rest is no value and stands last."""
    names = list(dict.fromkeys(str(row[chart.split]) for row in rows))
    names.sort(key=lambda name: name == REST)
    return {
        name: "grey" if name == REST else COLOURS[at % len(COLOURS)]
        for at, name in enumerate(names)
    }


def tooltip(*fields: tuple[str, str, str]) -> list[Spec]:
    """What is told under the pointer: field, title, and format or type."""
    formats: Mapping[str, Spec] = {
        "text": {"type": "nominal"},
        "day": {"type": "temporal", "timeUnit": "utcyearmonthdate", "format": "%-d %b %Y"},
    }
    return [
        {"field": field, "title": title}
        | formats.get(kind, {"type": "quantitative", "format": kind})
        for field, title, kind in fields
    ]


def written(chart: Chart) -> str:
    """How an amount is told in full."""
    return PAID if chart.is_money else COUNTED


def melted(chart: Chart, rows: Sequence[Row]) -> list[Spec]:
    """A value for each row and measure, below zero where the measure is drawn there."""
    return [
        {
            "x": day(row[chart.along]).isoformat(),
            "series": measure.label,
            "value": value,
            "drawn": value * measure.sign,
            "rate": number(row[chart.rate]) if chart.rate else None,
        }
        for row in rows
        for measure in chart.measures
        if (value := number(row[measure.column])) is not None
    ]


def by_series(colours: Legend) -> Spec:
    """The colours of the series; the legend is the page's, which can break its lines."""
    scale = {"domain": [*colours], "range": [colour(name) for name in colours.values()]}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": None}


def of_measures(measures: Sequence[Measure]) -> Legend:
    return {measure.label: measure.colour for measure in measures}


def vertical(chart: Chart, values: Sequence[Spec]) -> Spec:
    axis: Spec = {"format": ",~f" if chart.is_money else ",d"}
    if not chart.is_money and len(steps := whole_steps(values)) <= FEW_STEPS:
        # the library would put halves between them
        axis["values"] = steps
    return {"field": "drawn", "type": "quantitative", "title": None, "axis": axis}


def whole_steps(values: Sequence[Spec]) -> list[int]:
    """Every whole number from the end of the longest bar below zero to that of the one above."""
    above: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for value in values:
        (above if value["drawn"] > 0 else below)[value["x"]] += value["drawn"]
    return [*range(int(min([*below.values(), 0])), int(max([*above.values(), 0])) + 1)]
