"""What every kind of database offers to the rest of the program, and the words they share."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pipelines.ordergroove.settings import Settings
from sources.ordergroove.errors import ConfigError, Held, OrdergrooveError

Step = tuple[str, Sequence[object]]
"""A statement and its parameters."""

UNCHANGED = "Nothing was written."


class Engine(Protocol):
    """An open database. SQL is portable: written as for DuckDB, `?` stands for a parameter."""

    @property
    def dialect(self) -> str:
        """What sqlglot calls its SQL."""

    @property
    def dataset(self) -> str:
        """The schema that holds the tables; empty where there are none."""

    @property
    def shown(self) -> str:
        """The place as people know it, without password."""

    @property
    def connection(self) -> Any:
        """The driver's own connection, for SQL in the engine's own words."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...

    def run(self, *steps: Step) -> None:
        """All of them or none."""

    def ask(self, sql: str) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
        """Names and rows of a question in the engine's own words, in a session that only reads.

        The dataset is where names are looked up. Raises what the driver raises.
        """

    def tables(self) -> set[str]:
        """The names of the dataset's tables and views."""

    def columns(self, table: str) -> Mapping[str, str]:
        """The types of a table's columns, in order and in the engine's words."""

    def stored_state(self) -> Mapping[str, Any] | None:
        """What dlt restores, where SQL can't tell; None: the tables can be asked."""

    def destination(self) -> tuple[Any, str]:
        """dlt's destination, and the name of the dataset in it."""

    def still_held(self) -> bool:
        """Whether the lock of the run is still ours."""

    def is_being_written(self) -> bool:
        """Whether another run has the lock at this moment."""

    def close(self) -> None: ...


class Target(Protocol):
    """A place that can be opened."""

    @property
    def path(self) -> Path | None:
        """The file it is in, where it is in one."""

    def is_there(self) -> bool:
        """Whether something can have been written there; False only for a missing file."""

    def connect(self, *, read_only: bool) -> Engine:
        """Opens it, and takes the lock of a run unless it is only read.

        Raises Held when another run has it, ConfigError when it cannot be opened.
        """

    def refuse_held(self) -> None:
        """Raises Held when another run has it; changes nothing."""

    def refuse_unusable(self) -> None:
        """Raises ConfigError when a run could not make its tables there; changes nothing."""


def who_we_are() -> str:
    """How this run shows itself to others on the same server; at most 63 characters."""
    return f"ordergroove process {os.getpid()} on {socket.gethostname()}"[:63]


@contextmanager
def closed_on_failure(connection: Any) -> Iterator[None]:
    """Closes the connection when the block fails: nobody else will."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def held(what: str) -> Held:
    return Held(
        what=what,
        do="Wait for it or stop it, then run the same command again; --lock-timeout waits.",
    )


def missing_driver(extra: str, module: str) -> ConfigError:
    return ConfigError(
        what=f"The driver for this destination is not installed (Python module {module}).",
        do=f"Install it with: pip install 'ordergroove-elt[{extra}]'",
        state=UNCHANGED,
    )


def cannot_open(settings: Settings, reason: str, do: str) -> ConfigError:
    return ConfigError(
        what=f"The warehouse {settings.destination_shown} cannot be opened: {reason}",
        do=do,
        state=UNCHANGED,
    )


@contextmanager
def telling(shown: str, failures: type[Exception]) -> Iterator[None]:
    """Turns what a driver raises into an error with three parts, without the values in it."""
    try:
        yield
    except OrdergrooveError:
        raise
    except failures as error:
        raise OrdergrooveError(
            what=f"The warehouse {shown} answered: {first_line(error)}",
            do="Mend the cause there, then run the same command again.",
            state="What was loaded before is complete; the next run goes on from there.",
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of what a driver says; the rest repeats the statement."""
    said = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], str) else str(error)
    return next(iter(said.strip().splitlines()), "") or type(error).__name__
