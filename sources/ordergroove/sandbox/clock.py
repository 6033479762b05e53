"""Wall clocks: instants are whole seconds since 1970 in UTC, texts are what a zone shows.

Deliberately apart from the pipeline's own `clock.py`: two independent readings of the same calendar
can disagree, one shared reading can not.
"""

import calendar
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

DAY_S = 86_400
EPOCH = date(1970, 1, 1).toordinal()
STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d))?", re.ASCII)


class WallClock:
    """Renders instants as a zone's clock on the wall shows them.

    `zone` is an IANA name, or `EST` for five hours behind UTC all the year. In autumn an hour is
    shown twice, in spring one is never shown: texts carry no offset, as Ordergroove's do not.
    Raises ZoneInfoNotFoundError for an unknown name.
    """

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._rules: tzinfo = (
            timezone(timedelta(hours=-5), "EST") if zone == "EST" else ZoneInfo(zone)
        )
        self._offsets: dict[int, int] = {}
        self._dates: dict[int, str] = {}
        self._latest = (-1, "")

    def offset(self, instant: int) -> int:
        """Seconds to add to UTC. Zones are assumed to change at most once a day."""
        day = instant // DAY_S
        known = self._offsets.get(day)
        if known is None:
            start, end = self._exact_offset(day * DAY_S), self._exact_offset((day + 1) * DAY_S)
            if start != end:
                return self._exact_offset(instant)
            known = self._offsets[day] = start
        return known

    def _exact_offset(self, instant: int) -> int:
        moment = datetime.fromtimestamp(instant, UTC).astimezone(self._rules)
        return int((moment.utcoffset() or timedelta()).total_seconds())

    def text(self, instant: int) -> str:
        """`YYYY-MM-DD HH:MM:SS`, without a zone."""
        known, text = self._latest
        # one change writes the same instant into several records
        if instant != known:
            day, second = divmod(instant + self.offset(instant), DAY_S)
            minute, second = divmod(second, 60)
            hour, minute = divmod(minute, 60)
            text = f"{self.date_text(day)} {hour:02}:{minute:02}:{second:02}"
            self._latest = (instant, text)
        return text

    def date_text(self, day: int) -> str:
        """The date of a day, counted from 1970-01-01."""
        known = self._dates.get(day)
        if known is None:
            known = self._dates[day] = date_of(day).isoformat()
        return known

    def day(self, instant: int) -> int:
        """The calendar day on which an instant falls here, counted from 1970-01-01."""
        return (instant + self.offset(instant)) // DAY_S

    def instant(self, day: int, second: int = 0) -> int:
        """The instant at which the wall shows `second` of `day`.

        A second that is shown twice gives the earlier instant, one that is never shown the instant
        one hour further on.
        """
        shown = day * DAY_S + second
        offsets = (self.offset(shown - DAY_S), self.offset(shown + DAY_S))
        fitting = [shown - gap for gap in offsets if self.offset(shown - gap) == gap]
        return min(fitting) if fitting else shown - min(offsets)


def date_of(day: int) -> date:
    return date.fromordinal(EPOCH + day)


def day_number(text: str) -> int:
    """Days since 1970-01-01 of the date that a stamp or date text begins with."""
    return date.fromisoformat(text[:10]).toordinal() - EPOCH


def later(day: int, every: int, period: int) -> int:
    """The day `every` days (1), weeks (2), months (3) or years (4) after `day`.

    Assumption: months run by the calendar, and a day that a month lacks becomes its last day.
    Raises ValueError for another period.
    """
    if period == 1:
        return day + every
    if period == 2:
        return day + 7 * every
    if period not in (3, 4):
        raise ValueError(f"unknown period {period}; known: 1 days, 2 weeks, 3 months, 4 years")
    start = date_of(day)
    months = start.year * 12 + start.month - 1 + every * (12 if period == 4 else 1)
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last)).toordinal() - EPOCH


def filter_text(value: str) -> str:
    """A filter's value in the form of the stamps, so that texts compare as times do.

    A bare date means its midnight. Assumption: zone suffixes, fractions and days that do not exist
    are refused. Raises ValueError.
    """
    parts = STAMP.fullmatch(value)
    if not parts:
        raise ValueError(f"no date or date-time: {value!r}")
    text = f"{parts[1]} {parts[2] or '00:00:00'}"
    # tells 2017-02-29 and 24:10:00 from times that can be
    datetime.fromisoformat(text)
    return text
