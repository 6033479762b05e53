"""Results of a benchmark as a Markdown table or as JSON."""

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """One bound of the speed budget and what was measured against it."""

    measure: str
    against: str
    """What the product is held against, in words: a floor, a smaller table, the imports."""

    product: str
    value: float
    """Not a number where noise was larger than what was to be measured."""

    unit: str
    """`x` for a ratio."""

    bound: float
    """The value must not be greater."""

    goal: float | None = None

    @property
    def verdict(self) -> str:
        if math.isnan(self.value):
            return "too small to tell"
        if self.goal is not None and self.value <= self.goal:
            return "goal"
        return "met" if self.value <= self.bound else "MISSED"


def typical(values: Sequence[float], *, is_median: bool) -> float:
    """One number for several rounds: the median or the best, which is the smallest."""
    return statistics.median(values) if is_median else min(values)


def markdown(results: Iterable[Result]) -> str:
    lines = [
        "| measure | against | product | result | bound | goal | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for made in results:
        numbers = [
            "-" if number is None else f"{number:.2f} {made.unit}"
            for number in (made.value, made.bound, made.goal)
        ]
        cells = [made.measure, made.against, made.product, *numbers, made.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def as_json(results: Iterable[Result]) -> str:
    found = [asdict(made) | {"verdict": made.verdict} for made in results]
    for made in found:
        # JSON has no word for what is not a number
        made["value"] = None if math.isnan(made["value"]) else made["value"]
    return json.dumps(found, indent=2)
