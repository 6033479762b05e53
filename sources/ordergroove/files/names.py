"""What the name of a daily file tells: its report, whether full or delta, when it was made."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sources.ordergroove.files.reports import REPORTS, Report

# the longest first: `acme_crm_subscription_...` ends like a subscription report as well
REPORT = "|".join(sorted(REPORTS, key=len, reverse=True))
# no path, and nothing that a terminal would obey
SIGN = r"[^/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]"
NAME = re.compile(
    rf"(?:{SIGN}+?_)??(?P<report>{REPORT})_{{1,2}}(?P<before>full|delta)?_?"
    r"(?P<digits>\d{14}|\d{8})(?:_(?P<after>full|delta))?\.csv",
    re.IGNORECASE | re.ASCII,
)
DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "%d%m%Y", "%m%d%Y", "%Y%m%d"


@dataclass(frozen=True, kw_only=True)
class FileName:
    """What a name says. `stamp` is the merchant's wall clock, Central time, without a zone."""

    name: str
    report: Report
    kind: str
    stamp: datetime

    @property
    def business_day(self) -> date:
        """The day that the file tells of: inferred, as files tell of the day before."""
        return self.stamp.date() - timedelta(days=1)


def named(name: str) -> FileName | None:
    """What the name says, or None for what is no report: such a file must not be opened.

    The folder holds the merchant's keys too.
    """
    found = NAME.fullmatch(name)
    stamp = stamp_in(found) if found else None
    if found is None or stamp is None:
        return None
    kind = found["before"] or found["after"] or "unknown"
    report = REPORTS[found["report"].lower()]
    return FileName(name=name, report=report, kind=kind.lower(), stamp=stamp)


def stamp_in(found: re.Match[str]) -> datetime | None:
    """The time in the name. Only names with `full` or `delta` before it put the day first."""
    digits = found["digits"]
    orders: tuple[str, ...]
    orders = (DAY_FIRST, MONTH_FIRST) if found["before"] else (MONTH_FIRST, DAY_FIRST)
    if len(digits) == len("YYYYMMDD"):
        orders = (YEAR_FIRST,)
    time = "%H%M%S" if len(digits) > len("YYYYMMDD") else ""
    for order in orders:
        try:
            return datetime.strptime(digits, order + time)  # noqa: DTZ007 - a wall clock
        except ValueError:
            continue
    return None
