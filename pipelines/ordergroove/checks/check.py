"""`check`: every precondition of a sync, looked at without changing anything.

The order of the findings is the order in which somebody would set things right.
"""

from collections.abc import Iterator, Sequence

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.checks.finding import Finding, passed, refused
from pipelines.ordergroove.checks.of_api import of_api
from pipelines.ordergroove.checks.of_warehouse import of_warehouse
from pipelines.ordergroove.checks.probe import Probe, probed
from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.errors import ConfigError


def checks(settings: Settings, *, now: DateTime | None = None) -> Iterator[Finding]:
    """The findings as they come: those on Ordergroove first, then those on the warehouse.

    `now` stands for the machine's clock. What cannot be looked at because of an earlier fault is
    left out.
    """
    now = now or pendulum.now("UTC")
    probes: Sequence[Probe] = ()
    try:
        client_for(settings).close()
    except ConfigError as error:
        yield refused("settings", error)
    else:
        yield passed("settings", told(settings))
        probes = probed(settings, now)
        yield from of_api(settings, probes)
    yield from of_warehouse(settings, probes, now)


def told(settings: Settings) -> str:
    wanted = len(settings.entities)
    counted = "1 object type" if wanted == 1 else f"{wanted} object types"
    return f"A key is set; {counted} from {settings.url} into {settings.destination_shown}."
