"""`make simulate SEEDS=n`: plays many seeds, and says which of them failed."""

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.servers import Server, binary, mariadb, postgres
from tests.simulation.scene import scene_of
from tests.simulation.seed import play

Place = Callable[[], str]
"""Gives the address of a database that nobody has written to."""


def main(words: list[str]) -> int:
    """Plays `count` seeds from `first` on. Returns how many failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=20, help="how many seeds")
    parser.add_argument("first", type=int, nargs="?", default=1, help="the first of them")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th seed")
    asked = parser.parse_args(words)
    seeds = range(asked.first, asked.first + asked.count, asked.every)
    began, failed, done = time.monotonic(), [], Counter[str]()
    with ExitStack() as held:
        places = {name: held.enter_context(place) for name, place in servers().items()}
        for seed in seeds:
            engine, at = scene_of(seed).engine, time.monotonic()
            try:
                made = play(seed, places[engine]() if engine in places else None)
            except AssertionError as error:
                failed.append(seed)
                say(f"{error}\n")
                continue
            done.update(step for step in made.told if "->" not in step)
            done.update({"kills": made.kills, f"on {engine}": 1})
            say(f"seed {seed} on {engine}: {time.monotonic() - at:.1f} s")
    lacking = sorted({"postgres", "mariadb"} - places.keys())
    say(f"played on DuckDB instead, as they are not installed: {lacking}" if lacking else "")
    say(f"{len(seeds)} seeds in {time.monotonic() - began:,.0f} s; {dict(done)}")
    say(f"failed: {failed}")
    return len(failed)


def servers() -> dict[str, AbstractContextManager[Place]]:
    """What gives databases on the servers that are installed here."""
    made: dict[str, AbstractContextManager[Place]] = {}
    if binary("initdb") and binary("postgres"):
        made["postgres"] = databases(postgres)
    if binary("mariadb-install-db") and binary("mariadbd"):
        made["mariadb"] = databases(mariadb)
    return made


@contextmanager
def databases(server: Callable[[], AbstractContextManager[Server]]) -> Iterator[Place]:
    numbers = itertools.count(1)
    with server() as running:

        def place() -> str:
            name = f"play{next(numbers)}"
            # in MariaDB a run makes it by itself
            if running.kind == "postgres":
                running.connect().cursor().execute(f"create database {name}")
            return running.url_of(name)

        yield place


def say(line: str) -> None:
    if line:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
