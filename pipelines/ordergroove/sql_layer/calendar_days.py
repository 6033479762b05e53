"""The rows of `dim_dates`: each day of the merchant's clock, so that SQL needs no calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from state.ordergroove.watermark import EPOCH

YEARS_AHEAD = 3


def span(today: date) -> tuple[date, date]:
    """The first and last day of the table, both included."""
    return date(EPOCH.year, 1, 1), date(today.year + YEARS_AHEAD, 12, 31)


def days(first: date, last: date, zone: str) -> Iterator[dict[str, Any]]:
    """One row per day, its bounds as UTC instants: 23 to 25 hours apart."""
    # a pendulum value costs fifty times as much
    clock = ZoneInfo(zone)
    starts_at = midnight(first, clock)
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        ends_at = midnight(date.fromordinal(ordinal + 1), clock)
        yield row_of(day, starts_at, ends_at)
        starts_at = ends_at


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When the day begins: the first midnight of two, the first instant after one that is skipped.

    UTC.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def row_of(day: date, starts_at: datetime, ends_at: datetime) -> dict[str, Any]:
    iso = day.isocalendar()
    next_month = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return {
        "date_day": day,
        "day_number": day.toordinal() - date(1970, 1, 1).toordinal(),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "hours": int((ends_at - starts_at).total_seconds()) // 3600,
        "year_number": day.year,
        "month_of_year": day.month,
        "day_of_month": day.day,
        "day_of_year": day.timetuple().tm_yday,
        "weekday": iso.weekday,
        "iso_year": iso.year,
        "iso_week": iso.week,
        "week_start_date": day - timedelta(days=iso.weekday - 1),
        "month_number": day.year * 12 + day.month - 1,
        "month_start_date": day.replace(day=1),
        "month_end_date": next_month - timedelta(days=1),
    }
