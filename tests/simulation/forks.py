"""Processes for runs, forked from one that has made a run already: nothing is imported twice.

This module is loaded by the process that they are forked from, and a run is made in it then.
"""

import multiprocessing
import tempfile
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx

from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.warehouse import quiet_dlt
from sources.ordergroove.sandbox import Sandbox, World
from tests.simulation.child import Deed, done, run

PATIENCE_S = 300.0
"""A child that has not ended by then hangs, however busy the machine."""

forks = multiprocessing.get_context("forkserver")
# the main module too, or each fork would import it again
forks.set_forkserver_preload(["__main__", "tests.simulation.warm"])


class Endless(AssertionError):
    """A child that did not end."""


def started(deed: Deed) -> BaseProcess:
    process = forks.Process(target=run, args=(deed,))
    process.start()
    return process


def outcome(deed: Deed) -> int:
    """Does it in a process of its own. Returns its exit code, negative for a signal."""
    process = started(deed)
    process.join(PATIENCE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise Endless(f"{deed}: did not end")
    return int(process.exitcode)


def warm_up() -> None:
    """A run on a little world, so that what is made once is there before the forks."""
    quiet_dlt()
    sandbox = Sandbox(World(seed=1, customers=3, days=30))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        deed = Deed(
            url="http://127.0.0.1:1",
            destination=f"duckdb:///{directory}/warehouse.duckdb",
            directory=directory,
            state_dir="state",
            now=sandbox.date().isoformat(),
            ask=Ask(),
        )
        for _ in range(2):
            assert done(deed, httpx.MockTransport(sandbox.handle)) == 0
    # what a thread holds at a fork is held for good
    others = {thread.name for thread in threading.enumerate()} - {"MainThread"}
    assert not others, f"threads at the fork: {others}"
