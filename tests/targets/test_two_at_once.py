"""Two runs started at once, from one state directory or two: one works, one is told of it."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Rules, Sandbox, World
from sources.ordergroove.sandbox.exchange import Answer
from tests.stories.stage import Stage, assert_true, staged

PATIENCE_S = 240.0
SINCE = re.compile(r"holds the warehouse .* since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


class Patient(Sandbox):
    """Answers nothing before the second run has ended: until then the first one goes on."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.is_time = threading.Event()

    def respond(self, *args: Any, **given: Any) -> Answer:
        self.is_time.wait(PATIENCE_S)
        return super().respond(*args, **given)


@pytest.fixture
def stage(destination: str, tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=17, customers=6, zone="America/New_York", days=60, alive=False)
    with staged(
        Patient(world, rules=Rules(is_ticking=True)), tmp_path, destination=destination
    ) as made:
        yield made


def in_order_of_their_end(runs: "list[subprocess.Popen[str]]") -> "list[subprocess.Popen[str]]":
    """The one that has ended, then the one that goes on."""
    end = time.monotonic() + PATIENCE_S
    while all(run.poll() is None for run in runs):
        assert time.monotonic() < end, "both go on"
        time.sleep(0.05)
    return sorted(runs, key=lambda run: run.poll() is None)


@pytest.mark.parametrize("state_dirs", [("one", "one"), ("one", "two")], ids=["shared", "apart"])
def test_one_works_and_one_ends_with_four_and_nothing_is_doubled_or_lost(
    stage: Stage, state_dirs: tuple[str, str]
) -> None:
    runs = [stage.start("sync", state_dir=name, read_timeout="10m") for name in state_dirs]
    try:
        refused, working = in_order_of_their_end(runs)
        _, told = refused.communicate(timeout=PATIENCE_S)
        assert refused.returncode == 4, told
        assert SINCE.search(told), told
        assert "server" in told or f"rocess {working.pid}" in told
        assert "Nothing was written and no watermark moved." in told

        stage.sandbox.is_time.set()  # type: ignore[attr-defined]
        _, error = working.communicate(timeout=PATIENCE_S)
        assert working.returncode == 0, error
    finally:
        stage.sandbox.is_time.set()  # type: ignore[attr-defined]
        for run in runs:
            run.kill()
    # `rows` fails where a key stands twice
    assert_true(stage, ghosts={})
    first = {name: stage.rows(name) for name in ENTITIES}
    again = stage.command("sync", state_dir=state_dirs[-1])
    assert again.returncode == 0, again.stderr
    assert {name: stage.rows(name) for name in ENTITIES} == first
