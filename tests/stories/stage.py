"""A made-up merchant behind HTTP, a warehouse, and the command that joins them."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from pendulum import DateTime

from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.run import Run
from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.sandbox import Call, Sandbox, serve
from tests.stories.truth import Rows, expected_rows, stored

KEY = "sandbox-key"


class Stage:
    """Where a story is played: one sandbox, one warehouse in a directory."""

    def __init__(
        self, sandbox: Sandbox, url: str, directory: Path, destination: str | None = None
    ) -> None:
        self.sandbox = sandbox
        self.world: Any = sandbox.world
        self.url = url
        self.directory = directory
        self.file = directory / "warehouse.duckdb"
        self.destination = destination or f"duckdb:///{self.file}"

    def settings(self, **settings: str) -> Settings:
        variables = {f"ORDERGROOVE_{name.upper()}": value for name, value in settings.items()}
        environ = {"ORDERGROOVE_BASE_URL": self.url, "ORDERGROOVE_API_KEY": KEY} | variables
        flags = {"destination": self.destination}
        return load(flags, environ, self.directory, self.directory)

    def sync(
        self,
        *names: str,
        ask: Ask | None = None,
        now: DateTime | None = None,
        **settings: str,
    ) -> Run:
        """One run inside this process; `now` stands for the machine's clock."""
        chosen = self.settings(**settings)
        with opened(chosen) as warehouse, scratch_in(chosen.state_dir) as scratch:
            return sync(
                chosen,
                names or tuple(ENTITIES),
                warehouse=warehouse,
                scratch=scratch,
                client=client_for(chosen),
                ask=ask,
                now=now,
            )

    def environ(self, **settings: str) -> dict[str, str]:
        """The environment of a command: nothing of ours but what is given."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDERGROOVE_", "DLT_"))}
        given = {
            "base_url": self.url,
            "api_key": KEY,
            "destination": self.destination,
        } | settings
        kept |= {f"ORDERGROOVE_{name.upper()}": value for name, value in given.items()}
        return kept | {"HOME": str(self.directory), "COLUMNS": "100", "NO_COLOR": "1"}

    def command(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """The command as cron runs it, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "pipelines.ordergroove", *words],
            cwd=self.directory,
            env=self.environ(**settings) | {"PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *words: str, **settings: str) -> "subprocess.Popen[str]":
        """The command, left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.ordergroove", *words],
            cwd=self.directory,
            env=self.environ(**settings) | {"PYTHONPATH": os.getcwd()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of the DuckDB file, whose own words the SQL may use."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            connection.execute("use ordergroove")
            return connection.execute(sql).fetchall()

    def rows(self, name: str) -> Rows:
        """The table's rows with Ordergroove's own columns and their instants."""
        columns = list(expected_columns(name))
        listed = ", ".join(f'"{column}"' for column in columns)
        with opened(self.settings(), read_only=True) as warehouse:
            found = warehouse.rows(f"select {listed} from {warehouse.table(name)}")
        return stored(name, columns, found)

    def tables(self) -> set[str]:
        """What is there; nothing before the first run."""
        try:
            with opened(self.settings(), read_only=True) as warehouse:
                return warehouse.tables()
        except ConfigError:
            return set()

    def truth(self, name: str, zone: str = "America/New_York") -> Rows:
        with self.sandbox.lock:
            return expected_rows(name, self.world.truth(name), zone)

    def calls_since(self, number: int) -> Sequence[Call]:
        return self.sandbox.calls[number:]


@contextmanager
def staged(
    sandbox: Sandbox, directory: Path, *, delay_s: float = 0.0, destination: str | None = None
) -> Iterator[Stage]:
    with serve(sandbox, delay_s=delay_s) as server:
        yield Stage(sandbox, server.url, directory, destination)


def expected_columns(name: str) -> Iterable[str]:
    entity = ENTITIES[name]
    for column in entity.columns:
        yield column.name
        if column.kind == "timestamp":
            yield column.utc_name
    yield "_unparsed"


def assert_true(
    stage: Stage,
    *,
    zone: str = "America/New_York",
    names: Iterable[str] = tuple(ENTITIES),
    ghosts: Mapping[str, set[Any]] | None = None,
) -> None:
    """Every record the sandbox has is in the warehouse as it is now, in all its columns.

    Rows that the sandbox has no more may still be there only when they are among `ghosts`.
    """
    for name in names:
        truth, rows = stage.truth(name, zone), stage.rows(name)
        missing = truth.keys() - rows.keys()
        assert not missing, f"{name}: {len(missing)} missing, such as {sorted(missing)[0]}"
        for key, row in truth.items():
            wrong = {c: (rows[key][c], row[c]) for c in row if rows[key][c] != row[c]}
            assert not wrong, f"{name} {key}: {wrong}"
        if ghosts is not None:
            extra = {key[0] for key in rows.keys() - truth.keys()}
            assert extra <= ghosts.get(name, set()), f"{name}: {extra} should not be there"
