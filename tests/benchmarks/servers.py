"""The sandbox in a process of its own, so that its work counts for nobody."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.benchmarks.processes import ROOT, environment

ZONE = "America/New_York"
"""Of the stamps; the product's default."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A sandbox that serves a bulk world."""

    url: str
    key: str

    @property
    def settings(self) -> dict[str, str]:
        """The environment in which the product asks this server."""
        return {"ORDERGROOVE_BASE_URL": self.url, "ORDERGROOVE_API_KEY": self.key}

    def touch(self, entity: str, *, every: int) -> int:
        """Stamps each `every`-th record as changed now. Returns how many that are."""
        wish = {"deed": "touch", "with": {"entity": entity, "every": every}}
        answer = httpx.post(f"{self.url}/_sandbox/do", json=wish, trust_env=False)
        return int(answer.raise_for_status().json()["result"])

    def calls(self) -> list[dict[str, Any]]:
        """Every request so far."""
        answer = httpx.get(f"{self.url}/_sandbox/calls", trust_env=False, timeout=60)
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found


@contextmanager
def serving(orders: int, *, delay_s: float = 0.0, keeps_pages: bool = True) -> Iterator[Server]:
    """A server with so many orders, which keeps each page that it made once if it is to.

    `delay_s` is what every answer takes. Ready when the block begins.
    """
    command = [sys.executable, "-m", "sources.ordergroove.sandbox", "--zone", ZONE]
    # an order and its item are about 1.2 kB of JSON
    cache_mb = 100 + orders // 500 if keeps_pages else 0
    command += ["--bulk-orders", str(orders), "--cache-mb", str(cache_mb)]
    command += ["--delay", str(delay_s)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = [process.stdout.readline().split() for _ in range(2)] if process.stdout else []
            said = {line[0]: line[1] for line in lines}
            yield Server(url=said["url"], key=said["key"])
        finally:
            process.terminate()
