"""One run in a process of its own, at a time of its own, with a plug that may be pulled."""

import gc
import itertools
import logging
import os
import ssl
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import httpx
import pendulum

from pipelines.ordergroove import reading
from pipelines.ordergroove.backfilling.backfill import backfill
from pipelines.ordergroove.backfilling.made import Times
from pipelines.ordergroove.backfilling.reading import Asked
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.run import Run
from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove import client as client_module
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import OrdergrooveError
from state.ordergroove.slices import Slice
from tests.simulation.older import become_older
from tests.simulation.plug import wire

CHUNK_S = "60"
"""Packages are cut by rows, or a busy machine would make more of them than an idle one."""

RETRY_LIMIT_S = 1.0
BACK_OFF_S = 0.01
FAULT = 99

log = logging.getLogger(__name__)

# reading the certificates of the whole world takes longer than most of what a run does here
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, kw_only=True)
class Deed:
    """What a child is to do."""

    url: str
    destination: str
    directory: Path
    state_dir: str
    now: str
    names: tuple[str, ...] = tuple(ENTITIES)
    ask: Ask | None = None
    """A sync with this."""

    since: str = ""
    until: str = ""
    unit: str = "month"
    newest_first: bool = False
    """A backfill, where there is no `ask`."""

    point: str = ""
    nth: int = 1
    is_in_pieces: bool = False
    """Pages, batches and packages of a few rows each: many places to be interrupted at."""

    is_older: bool = False
    """As an older release did it."""

    def __str__(self) -> str:
        what = f"backfill {self.since[:16]} {self.until[:16]} {self.unit}"
        if self.ask is not None:
            what = f"sync {self.ask}"
        marks = [
            "in pieces" if self.is_in_pieces else "",
            "older release" if self.is_older else "",
            f"plug {self.point!r} {self.nth}" if self.point else "",
        ]
        return ", ".join([f"{self.now[:16]} {what}", *filter(None, marks)])


def run(deed: Deed) -> None:
    """The body of the child; its exit code is that of the command."""
    # it will not live long enough
    gc.disable()
    set_clock(instant(deed.now))
    sys.stdout = sys.stderr = (deed.directory / "child.log").open("a", encoding="utf-8")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, force=True)
    if deed.point:
        wire(deed.point, deed.nth)
    if deed.is_in_pieces:
        client_module.PAGE_SIZE = 5
        reading.PAGES_A_BATCH = 1
        reading.MOST_ROWS = 15
    if deed.is_older:
        become_older(deed.names)
    try:
        code = done(deed)
    except OrdergrooveError as error:
        log.info("%s", error)
        code = error.exit_code
    except Exception:
        log.exception("a fault")
        code = FAULT
    sys.stderr.flush()
    # threads of the libraries may be slow to end
    os._exit(code)


def set_clock(now: pendulum.DateTime) -> None:
    """Has dlt stamp its loads with the clock of the play, as the machine's stamps everything."""
    from dlt.destinations import job_client_impl
    from dlt.destinations.impl.sqlalchemy import sqlalchemy_job_client

    began = time.monotonic()

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            passed = timedelta(seconds=time.monotonic() - began)
            # drivers know the class itself alone
            return datetime.fromtimestamp((now + passed).timestamp(), tz)

    for module in (job_client_impl, sqlalchemy_job_client):
        assert vars(module)["datetime"] is datetime
        vars(module)["datetime"] = Shifted


def done(deed: Deed, transport: httpx.BaseTransport | None = None) -> int:
    """Does it in this process. Returns the exit code of the command."""
    variables = {
        "ORDERGROOVE_BASE_URL": deed.url,
        "ORDERGROOVE_API_KEY": "sandbox-key",
        "ORDERGROOVE_CHUNK_SECONDS": CHUNK_S,
        "ORDERGROOVE_STATE_DIR": str(deed.directory / deed.state_dir),
    }
    settings = load({"destination": deed.destination}, variables, deed.directory, deed.directory)
    client = Client(
        base_url=deed.url,
        key="sandbox-key",
        retry_limit_s=RETRY_LIMIT_S,
        first_contact_limit_s=RETRY_LIMIT_S,
        back_off_s=BACK_OFF_S,
        transport=transport or httpx.HTTPTransport(verify=NO_CERTIFICATES),
    )
    if deed.ask is None:
        return past(deed, settings, client)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        made = sync(
            settings,
            deed.names,
            warehouse=warehouse,
            scratch=scratch,
            client=client,
            ask=deed.ask,
            now=instant(deed.now),
        )
    tell(made)
    return made.exit_code()


def past(deed: Deed, settings: Settings, client: Client) -> int:
    # no two of its turns begin at the same moment, and none when the world is not yet
    began, turns = instant(deed.now).subtract(seconds=1), itertools.count(1)
    made = backfill(
        settings,
        deed.names,
        Asked(
            stretch=Slice(since=instant(deed.since), until=instant(deed.until)),
            unit=deed.unit,
            newest_first=deed.newest_first,
        ),
        client=client,
        times=Times(pause_s=0.0, retry_s=0.0, now=lambda: began.add(microseconds=next(turns))),
    )
    tell(made.run)
    return made.exit_code()


def tell(made: Run) -> None:
    """What befell single entities, for whoever has to find out what went wrong."""
    found = {name: progress.error for name, progress in made.progress.items()}
    for name, error in {**found, "run": made.capped, "sweep": made.unproven}.items():
        if error:
            log.info("%s: %s", name, error)


def instant(text: str) -> pendulum.DateTime:
    return pendulum.instance(datetime.fromisoformat(text)).in_timezone("UTC")
