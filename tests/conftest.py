"""Warehouses on each engine, and logging as each test found it.

Servers are shared by the whole session, once a test needs them.
"""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server, mariadb, postgres

NUMBERS = itertools.count(1)
LOGGERS = ("", "pipelines", "sources", "state", "httpx", "py.warnings")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Logging is the whole process's: what a test, or a command within it, changes is put back."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels, handlers = [logger.level for logger in loggers], logging.getLogger().handlers[:]
    yield
    logging.captureWarnings(capture=False)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.getLogger().handlers[:] = handlers


@pytest.fixture(params=["duckdb", "sqlite", "postgres", "mariadb"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def destination(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a warehouse that nobody has written to, on each engine in its turn."""
    if engine in ("duckdb", "sqlite"):
        return f"{engine}:///{tmp_path}/warehouse.{engine}"
    return str(request.getfixturevalue(f"{engine}_url"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    with mariadb() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> str:
    """The address of a database that nobody has written to."""
    name = f"shop{next(NUMBERS)}"
    postgres_server.connect().cursor().execute(f"create database {name}")
    return postgres_server.url_of(name)


@pytest.fixture
def mariadb_url(mariadb_server: Server) -> str:
    """The address of a database that is not there yet."""
    return mariadb_server.url_of(f"shop{next(NUMBERS)}")
