"""One run in a process of its own, at a time of its own, with a plug that may be pulled."""

import logging
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pendulum

from pipelines.ordergroove.backfilling.backfill import Times, backfill
from pipelines.ordergroove.backfilling.reading import Asked
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.settings import load
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import opened, quiet_dlt, scratch_in
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import OrdergrooveError
from state.ordergroove.slices import Slice
from tests.simulation.plug import wire

# what every child needs: the process that they are forked from has it already
quiet_dlt()
import dlt  # noqa: E402
import dlt.destinations  # noqa: E402, F401
import duckdb  # noqa: E402, F401

CHUNK_S = "0.2"


@dataclass(frozen=True, kw_only=True)
class Deed:
    """What a child is to do."""

    url: str
    destination: str
    directory: Path
    state_dir: str
    now: str
    ask: Ask | None = None
    """A sync with this."""

    since: str = ""
    until: str = ""
    unit: str = "month"
    newest_first: bool = False
    """A backfill, where there is no `ask`."""

    point: str = ""
    nth: int = 1


def run(deed: Deed) -> None:
    """The body of the child; its exit code is that of the command."""
    sys.stdout = sys.stderr = (deed.directory / "child.log").open("a", encoding="utf-8")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    if deed.point:
        wire(deed.point, deed.nth)
    try:
        code = done(deed)
    except OrdergrooveError as error:
        logging.getLogger(__name__).info("%s", error)
        code = error.exit_code
    except Exception:
        logging.getLogger(__name__).exception("a fault")
        code = 99
    sys.stderr.flush()
    # threads of the libraries may be slow to end
    os._exit(code)


def done(deed: Deed) -> int:
    variables = {
        "ORDERGROOVE_BASE_URL": deed.url,
        "ORDERGROOVE_API_KEY": "sandbox-key",
        "ORDERGROOVE_CHUNK_SECONDS": CHUNK_S,
        "ORDERGROOVE_STATE_DIR": str(deed.directory / deed.state_dir),
        "ORDERGROOVE_RETRY_LIMIT": "5s",
    }
    settings = load({"destination": deed.destination}, variables, deed.directory, deed.directory)
    client = Client(base_url=deed.url, key="sandbox-key", retry_limit_s=5, back_off_s=0.02)
    now, names = instant(deed.now), tuple(ENTITIES)
    if deed.ask is None:
        return past(deed, settings, client, now)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        made = sync(
            settings,
            names,
            warehouse=warehouse,
            scratch=scratch,
            client=client,
            ask=deed.ask,
            now=now,
        )
    return made.exit_code()


def past(deed: Deed, settings: Any, client: Client, now: pendulum.DateTime) -> int:
    since, until = (
        pendulum.instance(pendulum.DateTime.fromisoformat(text))
        for text in (deed.since, deed.until)
    )
    made = backfill(
        settings,
        tuple(ENTITIES),
        Asked(
            stretch=Slice(since=since, until=until),
            unit=deed.unit,
            newest_first=deed.newest_first,
        ),
        client=client,
        times=Times(pause_s=0.0, retry_s=0.0, now=lambda: now),
    )
    return made.exit_code()


def instant(text: str) -> pendulum.DateTime:
    return pendulum.instance(datetime.fromisoformat(text)).in_timezone("UTC")
