"""Who is measured: processes that merge the orders of a server into a DuckDB file of their own."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.processes import Cost, run_python
from tests.benchmarks.servers import Server

FLOOR, PRODUCT, STOCK = "floor", "product", "stock"


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One way to get orders into DuckDB. `since` is a wall-clock time; empty: everything.

    The product knows by itself since when, from its file.
    """

    name: str
    command: Callable[[Server, Path, str], list[str]]

    def run(self, server: Server, file: Path, *, since: str = "") -> Cost:
        command = self.command(server, file, since)
        return run_python(command, directory=file.parent, settings=server.settings)


def product(*entities: str, destination: str = "") -> Contestant:
    """`ordergroove sync`, of all entities if none is named; into DuckDB if nothing else is."""

    def command(_: Server, file: Path, __: str) -> list[str]:
        where = ["--destination", destination or f"duckdb:///{file}"]
        # the rivals look for no deletions, and where nothing is to do another world is asked
        alone = ["--no-sweep"] if entities else []
        return ["-m", "pipelines.ordergroove", "sync", *entities, *where, *alone]

    return Contestant(name=PRODUCT, command=command)


def module(name: str, *words: str) -> Contestant:
    """A module beside this one that takes url, key, file and since."""

    def command(server: Server, file: Path, since: str) -> list[str]:
        rest = [server.url, server.key, str(file), *([since] if since else [])]
        return ["-m", f"tests.benchmarks.{name}", *words, *rest]

    return Contestant(name=name, command=command)


CONTESTANTS = (module(FLOOR, "load"), product("orders"), module(STOCK))
"""In the order in which they take turns."""


def new_file(directory: Path, name: str, like: Path | None = None) -> Path:
    """A path for a warehouse file in an empty directory of its own, a copy of another's."""
    home = directory / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    file = home / "warehouse.duckdb"
    if like:
        shutil.copyfile(like, file)
    return file


def imports_of(contestant: Contestant, server: Server, file: Path) -> Callable[[], Cost]:
    """A process that imports what the contestant's does, and nothing else."""
    command = ["-X", "importtime", *contestant.command(server, file, "")]
    told = run_python(command, directory=file.parent, settings=server.settings).complained
    listed = file.with_name("imports.txt")
    listed.write_text(told)
    return partial(
        run_python, ["-m", "tests.benchmarks.imports", str(listed)], directory=file.parent
    )
