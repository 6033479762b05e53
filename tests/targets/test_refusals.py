"""What cannot be opened says why and what to do, and never shows a password."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.ordergroove.destinations import target_of
from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.warehouse import looked_at, opened
from sources.ordergroove.errors import ConfigError
from tests.servers import QUOTED_PASSWORD, Server, free_port

Refused = Callable[..., ConfigError]


@pytest.fixture
def refusal(tmp_path: Path) -> Refused:
    def of(destination: str, **flags: str) -> ConfigError:
        settings: Settings = load({"destination": destination} | flags, {}, tmp_path, tmp_path)
        with pytest.raises(ConfigError) as caught, opened(settings):
            pass
        if not destination.startswith("sqlite"):
            # `check` finds the same before anything is done
            with pytest.raises(ConfigError), looked_at(settings):
                target_of(settings).refuse_unusable()
        error = caught.value
        assert error.exit_code == 2
        assert error.what
        assert error.do
        assert "Nothing was written" in error.state
        assert "hush" not in str(error)
        assert QUOTED_PASSWORD not in str(error)
        return error

    return of


def test_a_wrong_password_of_postgresql(refusal: Refused, postgres_server: Server) -> None:
    error = refusal(f"postgresql://postgres:hush@127.0.0.1:{postgres_server.port}/postgres")
    assert "password authentication failed" in error.what
    assert "user and password" in error.do


def test_a_wrong_password_of_mariadb(refusal: Refused, mariadb_server: Server) -> None:
    error = refusal(f"mysql://root:hush@127.0.0.1:{mariadb_server.port}/shop")
    assert "Access denied" in error.what
    assert "user and password" in error.do


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_port_that_nobody_listens_on(refusal: Refused, scheme: str) -> None:
    error = refusal(f"{scheme}://ann:hush@127.0.0.1:{free_port()}/shop")
    assert "ann@127.0.0.1" in error.what
    assert "host and port" in error.do


def test_a_database_that_is_not_there(refusal: Refused, postgres_server: Server) -> None:
    error = refusal(postgres_server.url_of("nowhere"))
    assert 'database "nowhere" does not exist' in error.what
    assert "Create it first" in error.do


def test_a_postgresql_user_who_may_create_nothing(
    refusal: Refused, postgres_server: Server, postgres_url: str
) -> None:
    cursor = postgres_server.connect().cursor()
    cursor.execute("create role weak login password 'hush'")
    database = postgres_url.rpartition("/")[2]
    error = refusal(f"postgresql://weak:hush@127.0.0.1:{postgres_server.port}/{database}")
    assert "may not create schemas" in error.what
    assert "create schema ordergroove authorization" in error.do
    assert "create schema ordergroove_staging authorization" in error.do


def test_a_mariadb_user_who_may_create_nothing(refusal: Refused, mariadb_server: Server) -> None:
    with mariadb_server.connect().cursor() as cursor:
        cursor.execute("create user weak@'127.0.0.1' identified by 'hush'")
    error = refusal(f"mysql://weak:hush@127.0.0.1:{mariadb_server.port}/forbidden")
    assert "database forbidden cannot be created" in error.what
    assert "grant all on forbidden" in error.do


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:hush@secret@host/db/more",
        "postgresql://ann:hu#sh@host/db",
        "postgresql://ann:hush/x@host:1/db",
        "mysql://ann:hush@host:port/db",
        "mysql://ann:hush@host/db?x",
    ],
)
def test_an_address_that_reads_two_ways(refusal: Refused, address: str) -> None:
    error = refusal(address)
    assert "cannot be read" in error.what
    assert "%40" in error.do
    assert "hu#sh" not in str(error)


def test_an_unknown_option_of_an_address(refusal: Refused, mariadb_server: Server) -> None:
    error = refusal(f"{mariadb_server.url_of('shop')}?colour=blue")
    assert "colour" in error.what
    error = refusal("postgresql://ann:hush@127.0.0.1/db?colour=blue")
    assert "colour" in error.what


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [("postgresql", "psycopg2", "postgres"), ("mysql", "pymysql", "mysql")],
)
def test_a_missing_driver_names_the_command_that_installs_it(
    refusal: Refused, monkeypatch: pytest.MonkeyPatch, scheme: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    error = refusal(f"{scheme}://ann:hush@127.0.0.1/db")
    assert error.do == f"Install it with: pip install 'ordergroove-elt[{extra}]'"


def test_two_names_for_a_mariadb_database(refusal: Refused) -> None:
    error = refusal("mysql://ann:hush@127.0.0.1/shop", dataset="other")
    assert "'shop'" in error.what
    assert "'other'" in error.what


def test_a_dataset_in_sqlite(refusal: Refused, tmp_path: Path) -> None:
    error = refusal(f"sqlite:///{tmp_path}/w.db", dataset="shop")
    assert "no schemas" in error.what
    assert "dataset (from --dataset)" in error.do


def test_a_file_that_is_no_sqlite_file(refusal: Refused, tmp_path: Path) -> None:
    (tmp_path / "w.db").write_text("not a database, but long enough to look like one" * 50)
    assert "not a database" in refusal(f"sqlite:///{tmp_path}/w.db").what


def test_a_directory_where_the_sqlite_file_should_be(refusal: Refused, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    assert "cannot be opened" in refusal(f"sqlite:///{tmp_path}/plain/w.db").what


def test_a_read_copy_of_what_is_no_duckdb_file(refusal: Refused, tmp_path: Path) -> None:
    error = refusal(f"sqlite:///{tmp_path}/w.db", publish=str(tmp_path / "copy.duckdb"))
    assert "publish (from --publish)" in error.what


def test_rights_that_are_given_beforehand_are_enough(
    postgres_server: Server, postgres_url: str, tmp_path: Path
) -> None:
    database = postgres_url.rpartition("/")[2]
    cursor: Any = postgres_server.connect(database).cursor()
    cursor.execute("create role able login password 'hush'")
    for name in ("ordergroove", "ordergroove_staging"):
        cursor.execute(f"create schema {name} authorization able")
    url = f"postgresql://able:hush@127.0.0.1:{postgres_server.port}/{database}"
    with opened(load({"destination": url}, {}, tmp_path, tmp_path)) as warehouse:
        assert warehouse.tables() == set()
