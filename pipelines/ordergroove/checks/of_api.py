"""What probes of Ordergroove tell: host, key, Bulk permission, lists, clock and zone."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from pipelines.ordergroove.checks.finding import (
    CONFIGURATION,
    Finding,
    failed,
    passed,
    refused,
    warned,
)
from pipelines.ordergroove.checks.probe import (
    CUSTOMERS,
    MOST_BETWEEN_ZONES,
    STAMP_TOLERANCE,
    Probe,
    latest_shown,
    server_now,
)
from pipelines.ordergroove.graphql.zone import of_graphql
from pipelines.ordergroove.run import is_missing
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.status_text import age_shown
from sources.ordergroove.errors import KeyRefused, Refused, Transient

# a watermark that is a minute ahead is refused: once a clock that was fast is set right, the
# watermarks it made may be
SKEW_THAT_SHOWS = timedelta(minutes=1)

# the least overlap, two hours, has room for that much beside the hour of doubt about the zone
SKEW_THAT_LOSES = timedelta(hours=1)

DOCUMENTED_ZONES = ("America/New_York", "America/Chicago", "UTC")
"""The zones that Ordergroove's pages name for one stamp or another."""


def of_api(settings: Settings, probes: Sequence[Probe]) -> Iterator[Finding]:
    """The findings on Ordergroove's side. When nothing was answered the rest is left out."""
    if not any(probe.page for probe in probes):
        yield from of_silence(settings, probes)
        return
    yield of_speed(settings, probes)
    yield passed("key", "Ordergroove accepts it.")
    yield of_bulk(next(probe for probe in probes if probe.entity.name == CUSTOMERS))
    wanted = [probe for probe in probes if probe.entity.name in settings.entities]
    yield from of_lists(wanted)
    yield of_clock(probes)
    yield from of_filters(probes)
    told = list(of_graphql(settings, probes))
    yield from told
    if not any(finding.name == "zone" for finding in told):
        yield of_zone(settings, probes)


def of_silence(settings: Settings, probes: Sequence[Probe]) -> Iterator[Finding]:
    """Why not a single list was shown."""
    errors = [probe.error for probe in probes if probe.error is not None]
    for error in errors:
        if isinstance(error, Refused):
            yield passed("host", f"{settings.url} answers.")
            yield refused("key", KeyRefused(error.what, error.do))
            return
    for error in errors:
        if not isinstance(error, Transient):
            # a list may be missing, but not all of them: this is another server, or a proxy
            yield failed("host", error.what, error.do, CONFIGURATION)
            return
    for error in errors[:1]:
        what = f"{settings.url} showed no page. {error.what}"
        yield failed("host", what, error.do, Transient.exit_code)


def of_speed(settings: Settings, probes: Sequence[Probe]) -> Finding:
    answered = [probe for probe in probes if probe.page]
    slowest = max(answered, key=lambda probe: probe.took_s)
    took = f"the slowest first page, of {slowest.entity.name}, took {slowest.took_s:.1f} s"
    return passed("host", f"{settings.url} answers; {took}.")


def of_bulk(customers: Probe) -> Finding:
    """Whether the key sees more than one customer.

    What a key without the permission is shown is not documented: 403, nothing, or one customer.
    """
    name = "bulk permission"
    do = "Have the Bulk Operations permission added to the key in Ordergroove."
    if customers.page is None:
        if is_missing(customers.error):
            return failed(name, "The key may not list customers, while it may list others.", do)
        what = "The list of customers does not answer, which would show it."
        return warned(name, what, "Run this check again when it does.")
    key = customers.entity.key[0]
    seen = {str(r.get(key)) for r in customers.page.records if isinstance(r, dict)}
    if len(seen) > 1:
        return passed(name, "The key sees more than one customer.")
    shown = "one customer" if seen else "no customer"
    return failed(
        name,
        f"The list of all customers shows {shown}: the key probably sees only its own.",
        f"{do} If the merchant really has {shown}, a sync is complete all the same.",
    )


def of_lists(probes: Iterable[Probe]) -> Iterator[Finding]:
    """Which of the wanted lists answer: those that never will are no failure of a sync."""
    probes = tuple(probes)
    missing = [p.entity.name for p in probes if p.page is None and is_missing(p.error)]
    answering = [p.entity.name for p in probes if p.error is None]
    if len(answering) == len(probes):
        yield passed("lists", f"Every wanted list answers: {len(answering)}.")
    elif answering:
        yield passed("lists", f"{len(answering)} of {len(probes)} answer: {', '.join(answering)}.")
    if missing:
        yield warned(
            "lists",
            f"Not available to this key: {', '.join(missing)}.",
            "A sync leaves them out. Name the wanted ones in ORDERGROOVE_ENTITIES to be told no"
            " more, or have the permission added to the key.",
        )
    for probe in probes:
        if probe.error is not None and probe.entity.name not in missing:
            yield refused(probe.entity.name, probe.error)


def of_clock(probes: Iterable[Probe]) -> Finding:
    """This machine's clock against the `Date` of the answers.

    A run begins at the earlier of both, so that being wrong costs nothing but room in the overlap.
    """
    leads = [probe.page.server_ahead_s for probe in probes if probe.page]
    known = [lead for lead in leads if lead is not None]
    if not known:
        what = "Ordergroove's answers carry no `Date` to hold this machine's clock against."
        return warned("clock", what, "Look whether a proxy between removes it.")
    # what a slow answer adds is no fault of the clock
    lead = min(known, key=abs)
    off = timedelta(seconds=abs(lead))
    what = f"This machine's clock is {age_shown(off)} {'behind' if lead > 0 else 'ahead of'}"
    what += " Ordergroove's."
    if off > SKEW_THAT_LOSES:
        return failed("clock", what, "Set it right before you sync: changes could be missed.")
    if off > SKEW_THAT_SHOWS:
        do = "Set it right: a sync allows for an hour, but is refused after a clock was set back."
        return warned("clock", what, do)
    return passed("clock", "This machine's clock agrees with Ordergroove's.")


def of_filters(probes: Iterable[Probe]) -> Iterator[Finding]:
    """Lists that answer with what changed long ago when asked for what is new."""
    deaf = [
        probe.entity.name
        for probe in probes
        if probe.until is not None
        and any(stamp < probe.until - timedelta(days=1) for stamp in probe.stamps)
    ]
    if deaf:
        yield warned(
            "filters",
            f"Asked for what changes from now on, Ordergroove shows older {' and '.join(deaf)}.",
            "Tell Ordergroove's support: every sync will read these lists from their beginning.",
        )


def of_zone(settings: Settings, probes: Iterable[Probe]) -> Finding:
    """Whether a change is stamped later than now, which the right zone never shows."""
    name, zone = "zone", settings.timezone
    asked = [probe for probe in probes if probe.until is not None]
    if not asked:
        what = f"No list told whether {zone} can be the zone of Ordergroove's stamps."
        return warned(name, what, "Run this check again when the lists above answer.")
    ahead = [(stamp, probe) for probe in asked for stamp in probe.stamps if is_ahead(stamp, probe)]
    if not ahead:
        what = f"No change is stamped later than now in {zone}: it may be right. It is not proved."
        return passed(name, what)
    stamp, probe = max(ahead, key=lambda pair: pair[0])
    fitting = [other for other in DOCUMENTED_ZONES if fits(stamp, probe, other)]
    return failed(
        name,
        f"The zone of Ordergroove's stamps is not {zone}: a change of {probe.entity.name} is"
        f" stamped {stamp}, which would be in the future.",
        f"Set ORDERGROOVE_TIMEZONE to one in which it is not, such as {' or '.join(fitting)},"
        " then run `ordergroove sync --full-refresh`, which computes all instants anew."
        if fitting
        else "Ask Ordergroove's support for the zone and set ORDERGROOVE_TIMEZONE to it.",
    )


def is_ahead(stamp: datetime, probe: Probe) -> bool:
    return probe.until is not None and probe.until < stamp <= probe.until + MOST_BETWEEN_ZONES


def fits(stamp: datetime, probe: Probe, zone: str) -> bool:
    if probe.page is None:
        return False
    return stamp <= latest_shown(server_now(probe.page), zone) + STAMP_TOLERANCE
