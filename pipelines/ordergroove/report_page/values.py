"""Values of any engine as the page shows them: to the browser as JSON, to people as text."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.stored_values import instant_of

PLACES = 4
NONE = "–"  # noqa: RUF001  # the dash that stands for nothing in a table


def number(value: Any) -> float | int | None:
    """A number to draw: what SQL keeps as decimal is rounded to where money ends."""
    if value is None:
        return None
    if isinstance(value, int):
        return value
    found = round(float(value), PLACES)
    return int(found) if found.is_integer() else found


def day(value: Any) -> date:
    """A day, which SQLite gives as text and others as a date."""
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def weeks(first: date, last: date) -> Iterator[date]:
    """Every seventh day from the first to the last, both included."""
    for passed in range((last - first).days // 7 + 1):
        yield first + timedelta(days=7 * passed)


def months(first: date, last: date) -> Iterator[date]:
    """The first day of every month from the first to the last, both included."""
    for number_of_month in range(12 * first.year + first.month - 1, 12 * last.year + last.month):
        yield date(number_of_month // 12, number_of_month % 12 + 1, 1)


def month_told(value: date) -> str:
    return f"{value:%b %Y}"


def short_day(value: date) -> str:
    return f"{value.day} {value:%b}"


def count(value: Any) -> str:
    return f"{value:,.0f}"


def money(value: Any, currency: str) -> str:
    return f"{value:,.0f} {currency}"


def share(part: Any, whole: Any) -> str:
    """A share of a whole, in percent; nothing of nothing is nothing."""
    return f"{100 * float(part) / float(whole):.1f} %" if whole else NONE


def instant(value: Any) -> str:
    return f"{instant_of(value):YYYY-MM-DD HH:mm} UTC"


def age(since: Any, now: DateTime) -> str:
    """How long ago, in the largest unit that people would use."""
    seconds = (now - instant_of(since)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            passed = int(seconds // length)
            return f"{passed:,} {unit}{'' if passed == 1 else 's'} ago"
    return "just now"


def cell(column: str, value: Any, *, is_paid: bool = False) -> str:
    """A value in a table of numbers, by what its column's name says it is; money in full."""
    if value is None:
        return NONE
    if column.endswith("_at"):
        return instant(value)
    if column.endswith("_date") or column in ("date_day", "cohort_month"):
        return day(value).isoformat()
    if is_paid:
        return f"{value:,.2f}"
    if column.endswith("_rate"):
        return share(value, 1)
    # MariaDB's sums of whole numbers are decimals
    return count(value) if isinstance(value, int | Decimal | float) else str(value)
