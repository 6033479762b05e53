"""Processes and what the kernel says that they cost."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# `ru_maxrss` counts in KiB, on macOS in bytes
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one process took from its start to its end."""

    wall_s: float
    cpu_s: float
    """User and system time of all its threads, and of the processes it waited for."""

    peak_mb: float
    """The most memory it held, in 10^6 bytes; never less than its parent held at its start."""

    said: str
    """Its standard output, without the last line end."""

    complained: str = ""
    """Its standard error."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of the product, and with our modules in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORDERGROOVE")}
    return kept | {"PYTHONPATH": str(ROOT), "RUNTIME__DLTHUB_TELEMETRY": "false"} | more


def run_python(
    arguments: Sequence[str], *, directory: Path, settings: Mapping[str, str] | None = None
) -> Cost:
    """Runs this interpreter with these arguments in a directory, which is its home as well.

    Raises RuntimeError with what it wrote when it does not end well.
    """
    said, complained = directory / "stdout.txt", directory / "stderr.txt"
    began = time.monotonic()
    with said.open("w") as out, complained.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=directory,
            env=environment(HOME=str(directory), **(settings or {})),
            stdout=out,
            stderr=err,
        )
        # wait4 tells what this child alone has used, getrusage only what all have together
        _, status, used = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        words = f"{said.read_text()}{complained.read_text()}"
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}:\n{words}")
    return Cost(
        wall_s=wall_s,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss * RSS_UNIT / 1e6,
        said=said.read_text().rstrip("\n"),
        complained=complained.read_text(),
    )
