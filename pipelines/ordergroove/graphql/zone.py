"""The zone of Ordergroove's stamps, proved: the same records read through REST and GraphQL.

REST shows a wall clock without a zone, GraphQL the same instant with its offset (docs: "REST vs
GraphQL", "Dates"). One stamp of winter and one of summer tell the documented zones apart; stamps
of a single season can fit two of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pendulum

from pipelines.ordergroove.checks.finding import Finding, failed, passed, warned
from pipelines.ordergroove.checks.probe import PATIENCE, Probe, server_now
from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.graphql.door import graphql_for
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.clock import wall_clock
from sources.ordergroove.errors import KeyRefused, OrdergrooveError
from sources.ordergroove.graphql.answer import VersionGone, sunset_warning
from sources.ordergroove.graphql.client import GraphQL

ROOTS = {"orders": "order", "subscriptions": "subscription"}
"""Object types that both APIs show, with their root field for a single one."""

STAMPS = ("created", "updated")
SAMPLES_A_SEASON = 2

CANDIDATES = ("America/New_York", "America/Chicago", "EST", "UTC")
"""The zones that Ordergroove's pages name, the most likely one first."""

SEASONED = ZoneInfo("America/New_York")
MIDDLES = {"winter": (1, 15), "summer": (7, 15)}
HALF_A_SPAN = timedelta(days=45)

# no zone is off by anything else; what is was changed between the two reads
STEP = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One stamp as both APIs show it."""

    local: datetime
    """Naive: what REST's clock on the wall showed."""

    instant: datetime
    """The same, in UTC, as GraphQL tells it."""

    @property
    def offset(self) -> timedelta:
        return self.local - self.instant.replace(tzinfo=None)

    @property
    def season(self) -> str:
        return season_of(self.instant)


def of_graphql(settings: Settings, probes: Sequence[Probe]) -> Iterator[Finding]:
    """What GraphQL tells: the zone's proof under the name `zone`, and the end of the version.

    Without a proof no `zone` is among the findings.
    """
    patience = replace(settings, retry_limit=min(settings.retry_limit, PATIENCE))
    client = graphql_for(patience)
    with closing(client):
        try:
            pairs, sunset = compared(patience, client, probes)
        except OrdergrooveError as error:
            yield unanswered(error)
            return
    if warning := sunset_warning(settings.graphql_version, sunset, pendulum.now("UTC")):
        yield warned("graphql", warning, "Ordergroove's GraphQL page lists the versions.")
    if pairs:
        yield verdict(settings.timezone, pairs)


def unanswered(error: OrdergrooveError) -> Finding:
    """No failure of a sync, which does without GraphQL."""
    if isinstance(error, VersionGone):
        return warned("graphql", error.what, error.do)
    why = "it is not available to this key" if isinstance(error, KeyRefused) else error.what
    return passed("graphql", f"Not asked for the zone: {why.rstrip('.')}. A sync does without it.")


def compared(
    settings: Settings, client: GraphQL, probes: Sequence[Probe]
) -> tuple[list[Pair], pendulum.DateTime | None]:
    """Stamps of both seasons as both APIs show them, and the announced end of the version."""
    probe = next((p for p in probes if p.entity.name in ROOTS and p.page), None)
    if probe is None or probe.page is None:
        return [], None
    records = list(records_in(probe.page.records))
    for season in MIDDLES:
        if not any(season in seasons_shown(record) for record in records):
            records += of_season(settings, probe, season)
    pairs: list[Pair] = []
    sunset = None
    root = ROOTS[probe.entity.name]
    query = f"query($id: String!) {{ {root}(publicId: $id) {{ {' '.join(STAMPS)} }} }}"
    for record in chosen(records):
        found = client.ask(query, {"id": record["public_id"]})
        sunset = found.sunset
        if isinstance(found.root, dict):
            pairs += pairs_of(record, found.root)
    return pairs, sunset


def records_in(records: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Those with an id and a stamp that can be read."""
    for record in records:
        if not isinstance(record, dict) or not isinstance(record.get("public_id"), str):
            continue
        if shown(record, "created"):
            yield record


def of_season(settings: Settings, probe: Probe, season: str) -> list[Mapping[str, Any]]:
    """Records that were last changed in the last whole winter or summer, if there are."""
    changes = probe.entity.changes
    if changes is None or probe.page is None:
        return []
    now = server_now(probe.page).naive()
    month, day = MIDDLES[season]
    middle = datetime(now.year, month, day)  # noqa: DTZ001 - wall-clock times
    if middle + HALF_A_SPAN > now:
        middle = middle.replace(year=now.year - 1)
    bounds = {changes.start: middle - HALF_A_SPAN, changes.end: middle + HALF_A_SPAN}
    params = {name: at.isoformat() for name, at in bounds.items()}
    with closing(client_for(settings)) as client:
        page = next(client.pages(probe.entity, params=params))
    return list(records_in(page.records))


def chosen(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A few records of each season."""
    found: list[Mapping[str, Any]] = []
    for season in MIDDLES:
        of_it = [record for record in records if season in seasons_shown(record)]
        found += of_it[-SAMPLES_A_SEASON:]
    return found


def seasons_shown(record: Mapping[str, Any]) -> set[str]:
    """The seasons of a record's stamps, as near as a wall clock tells."""
    locals_ = (shown(record, name) for name in STAMPS)
    return {season_of(local.replace(tzinfo=UTC)) for local in locals_ if local}


def season_of(instant: datetime) -> str:
    return "summer" if instant.astimezone(SEASONED).dst() else "winter"


def shown(record: Mapping[str, Any], name: str) -> datetime | None:
    """A stamp of a REST record, naive; None for what is none."""
    try:
        found = datetime.fromisoformat(str(record.get(name)))
    except ValueError:
        return None
    return None if found.tzinfo else found.replace(microsecond=0)


def pairs_of(record: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[Pair]:
    """The stamps that both show; none for one that was changed between the two reads."""
    for name in STAMPS:
        local = shown(record, name)
        try:
            told = datetime.fromisoformat(str(answer.get(name)))
        except ValueError:
            continue
        if local is None or told.tzinfo is None:
            continue
        pair = Pair(local=local, instant=told.astimezone(UTC).replace(microsecond=0))
        if pair.offset % STEP == timedelta(0) and abs(pair.offset) <= timedelta(hours=15):
            yield pair


def verdict(zone: str, pairs: Sequence[Pair]) -> Finding:
    """Whether all the stamps are by the clock of `zone`, and by whose they are if not."""
    seasons = [season for season in MIDDLES if any(pair.season == season for pair in pairs)]
    fitting = [other for other in CANDIDATES if fits(other, pairs)]
    counted = "1 stamp" if len(pairs) == 1 else f"{len(pairs)} stamps"
    when = f"{counted} of {' and '.join(seasons)}"
    if fits(zone, pairs):
        others = [other for other in fitting if other != zone]
        also = f" {' and '.join(others)} would fit them as well." if others else ""
        what = f"Proved: {when}, read through REST and GraphQL, are by the clock of {zone}.{also}"
        return passed("zone", what)
    if not fitting:
        fitting = [zone_of(pairs)] if zone_of(pairs) else []
    set_it = " or ".join(f"ORDERGROOVE_TIMEZONE={other}" for other in fitting)
    return failed(
        "zone",
        f"The zone of Ordergroove's stamps is not {zone}: {when}, read through REST and GraphQL,"
        f" are {' and '.join(sorted({offset_shown(pair.offset) for pair in pairs}))}.",
        f"Set {set_it}, then run `ordergroove sync --full-refresh`, which computes all instants"
        " anew."
        if fitting
        else "Ask Ordergroove's support for the zone and set ORDERGROOVE_TIMEZONE to it.",
    )


def fits(zone: str, pairs: Iterable[Pair]) -> bool:
    return all(wall_clock(pair.instant, zone) == pair.local for pair in pairs)


def zone_of(pairs: Iterable[Pair]) -> str:
    """A zone without clock changes that fits; empty where the offset is not one, of whole hours."""
    offsets = {pair.offset for pair in pairs}
    hours, rest = divmod(min(offsets), timedelta(hours=1))
    return "" if len(offsets) > 1 or rest else f"Etc/GMT{-hours:+d}"


def offset_shown(offset: timedelta) -> str:
    """`5 h behind UTC`."""
    hours = f"{abs(offset) / timedelta(hours=1):g} h"
    if not offset:
        return "UTC itself"
    return f"{hours} {'behind' if offset < timedelta(0) else 'ahead of'} UTC"
