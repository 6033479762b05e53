"""`python -m tests.benchmarks`: measures, and prints the speed budget with what came out."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measures import ON_REQUEST, SECTIONS, Plan
from tests.benchmarks.noise import Noise
from tests.benchmarks.report import Result, as_json, markdown

ORDERS, QUICK_ORDERS = 100_000, 10_000


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    found.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"of {', '.join(SECTIONS)}; all of these if none is named; and"
        f" {', '.join(ON_REQUEST)}, which take a quarter of an hour",
    )
    found.add_argument("--orders", type=int, help=f"size of the world, {ORDERS:,} by default")
    found.add_argument("--rounds", type=int, default=3, help="each thing so often, in turns")
    found.add_argument("--median", action="store_true", help="of the rounds, not their best")
    found.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ORDERS:,} orders: fixed costs weigh more"
    )
    found.add_argument("--json", action="store_true", help="instead of a Markdown table")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when a bound is missed."""
    asked = parser().parse_args(arguments)
    known = {**SECTIONS, **ON_REQUEST}
    if strange := set(asked.sections) - set(known):
        parser().error(f"unknown section {min(strange)!r}; known: {', '.join(known)}")
    results: list[Result] = []
    noise = Noise()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        plan = Plan(
            directory=Path(directory),
            orders=asked.orders or (QUICK_ORDERS if asked.quick else ORDERS),
            rounds=asked.rounds,
            is_median=asked.median,
        )
        for name in asked.sections or SECTIONS:
            began = time.monotonic()
            results += known[name](plan)
            sys.stderr.write(f"{name}: measured in {time.monotonic() - began:.0f} s\n")
    if asked.json:
        sys.stdout.write(f"{as_json(results)}\n")
    else:
        best = "median" if asked.median else "best"
        said = f"The {best} of {asked.rounds} rounds. {noise.told()}."
        sys.stdout.write(f"{markdown(results)}\n\n{said}\n")
    return int(any(made.verdict == "MISSED" for made in results))


if __name__ == "__main__":
    sys.exit(main())
