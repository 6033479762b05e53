"""The time of day of the daily run: the advised window, on this machine's clock.

Ordergroove advises a daily run between 12:00 and 20:00 "CST" (docs: "Implement Custom Data
Pipelines"), after the night's order placement, which begins at an hour between 00:00 and 11:00
Central that the merchant chooses (help centre: "Order Placement Settings"). Whether CST means the
fixed offset or the clock of Chicago they do not say, so both have to lie in the window.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from pipelines.ordergroove.values import UnfitError
from pipelines.ordergroove.values import zone as known_zone
from sources.ordergroove.errors import ConfigError

CENTRAL = ZoneInfo("America/Chicago")
CST = timezone(timedelta(hours=-6), "CST")
NOON = 12 * 60
EVENING = 20 * 60
"""The advised window, in minutes of the day; both ends are in it."""

GRID_MINUTES = 30
UNCHANGED = "Nothing was written."


@dataclass(frozen=True, kw_only=True)
class Daily:
    """A time of day for the daily run, and what speaks against it."""

    at: time
    """By the machine's own clock, which is the one that cron goes by."""

    zone: str
    """The machine's zone."""

    central: tuple[time, time]
    """The earliest and the latest time in Chicago that it falls on in the course of a year."""

    warnings: tuple[str, ...] = ()


def machine_zone(environ: Mapping[str, str], etc: Path = Path("/etc")) -> str:
    """The zone that cron and systemd go by. Raises ConfigError when it has no name.

    The system's zone comes first: a TZ in somebody's shell does not reach cron.
    """
    link = etc / "localtime"
    if link.is_symlink():
        # right/ and posix/ are second copies of all zones
        named = re.search(r"zoneinfo/(?:posix/|right/)?(.+)$", str(os.readlink(link)))
        if named and is_zone(named[1]):
            return named[1]
    stated = etc / "timezone"
    if stated.is_file() and is_zone(text := stated.read_text("utf-8", "replace").strip()):
        return text
    if is_zone(text := environ.get("TZ", "").removeprefix(":")):
        return text
    if not link.exists():
        # the C library's own rule
        return "UTC"
    raise ConfigError(
        what="The name of this machine's time zone cannot be found.",
        do="Say it with --zone, as in --zone Europe/Berlin.",
        state=UNCHANGED,
    )


def is_zone(name: str) -> bool:
    try:
        known_zone(name)
    except UnfitError:
        return False
    return True


def plan(at: time | None, zone: str, today: date) -> Daily:
    """The daily run at `at` by a clock in `zone`, or at the time that suits best all year.

    Looks at the year from `today` on. Raises ConfigError for an unknown zone.
    """
    try:
        there = ZoneInfo(known_zone(zone))
    except UnfitError as fault:
        raise ConfigError(what=f"--zone: {fault.wrong}.", do=fault.instead) from None
    days = [today + timedelta(days=n) for n in range(366)]
    if at is None:
        # the middle of the window that is left; of two equal ones the earlier
        at = max(candidates(), key=lambda time: (room(time, there, days), -minutes(time)))
    found = sorted(clock_times(at, there, days, CENTRAL))
    return Daily(
        at=at,
        zone=zone,
        central=(found[0], found[-1]),
        warnings=tuple(warnings_for(at, there, days)),
    )


def candidates() -> list[time]:
    return [time(n // 60, n % 60) for n in range(0, 24 * 60, GRID_MINUTES)]


def clock_times(at: time, zone: tzinfo, days: Sequence[date], other: tzinfo) -> set[time]:
    """What a clock in `other` shows when it is `at` in `zone`, over the days."""
    return {
        datetime.combine(day, at, zone).astimezone(UTC).astimezone(other).time() for day in days
    }


def room(at: time, zone: tzinfo, days: Sequence[date]) -> int:
    """Minutes between the run and the nearer end of the window, on the worst of the days.

    Negative outside; far outside for a time of day that a clock change skips or repeats.
    """
    if not is_steady(at, zone, days):
        return -24 * 60
    seen = {
        minutes(found) for other in (CENTRAL, CST) for found in clock_times(at, zone, days, other)
    }
    return min(min(minute - NOON, EVENING - minute) for minute in seen)


def minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def is_steady(at: time, zone: tzinfo, days: Sequence[date]) -> bool:
    """Whether the time of day exists once on each of the days."""
    for day in days:
        local = datetime.combine(day, at, zone)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            return False
    return True


def warnings_for(at: time, zone: tzinfo, days: Sequence[date]) -> list[str]:
    """What speaks against the time, in sentences."""
    found = {
        minutes(seen) for other in (CENTRAL, CST) for seen in clock_times(at, zone, days, other)
    }
    told = []
    if any(minute < NOON for minute in found):
        told.append(
            f"{at:%H:%M} can fall into the night's order placement. It begins at an hour between"
            " 00:00 and 11:00 Central that the merchant chooses; how long it takes is not"
            " documented. Ordergroove advises 12:00 to 20:00 Central."
        )
    if any(minute > EVENING for minute in found):
        told.append(
            f"{at:%H:%M} can fall after 20:00 Central, outside the hours that Ordergroove advises"
            " (12:00 to 20:00)."
        )
    if not is_steady(at, zone, days):
        told.append(
            f"{at:%H:%M} does not exist, or exists twice, on the day of a clock change here: cron"
            " may skip the run or make it twice."
        )
    return told


def time_asked(text: str) -> time:
    """A time of day such as 14:30. Raises ConfigError for what is none."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip(), re.ASCII)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise ConfigError(
            what=f"--at: {text!r} is no time of day.",
            do="Write it as 14:30, by this machine's clock.",
            state=UNCHANGED,
        )
    return time(int(found[1]), int(found[2]))
