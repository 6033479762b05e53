"""One run at a time, with the lock where the data is; who waits is told for whom."""

import os
import threading
from pathlib import Path

import pytest

from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.warehouse import looked_at, opened
from sources.ordergroove.errors import Held
from tests.servers import Server


def settings_for(destination: str, directory: Path, **flags: str) -> Settings:
    return load({"destination": destination} | flags, {}, directory, directory)


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    engine = str(request.param)
    if engine == "sqlite":
        return settings_for(f"sqlite:///{tmp_path}/w.db", tmp_path)
    return settings_for(request.getfixturevalue(f"{engine}_url"), tmp_path)


def test_a_second_run_is_refused_and_told_who_the_first_one_is(settings: Settings) -> None:
    with (
        opened(settings),
        pytest.raises(Held, match=r"holds the warehouse .* since 20") as caught,
        opened(settings),
    ):
        pass
    assert caught.value.exit_code == 4
    assert "%40" not in str(caught.value)


def test_the_lock_ends_with_the_run(settings: Settings) -> None:
    for _ in range(2):
        with opened(settings):
            pass


def test_a_lock_that_is_let_go_in_time_is_had(settings: Settings) -> None:
    first = opened(settings)
    first.__enter__()
    letting_go = threading.Timer(0.2, lambda: first.__exit__(None, None, None))
    letting_go.start()
    with opened(settings, lock_timeout_s=30) as warehouse:
        assert warehouse.tables() == set()


def test_what_is_only_read_takes_no_lock_and_needs_none(settings: Settings) -> None:
    with opened(settings), opened(settings, read_only=True) as reader:
        assert reader.is_being_written
    with opened(settings, read_only=True) as reader:
        assert not reader.is_being_written


def test_check_finds_the_lock_taken_and_takes_none_itself(settings: Settings) -> None:
    with opened(settings), pytest.raises(Held), looked_at(settings):
        pass
    with looked_at(settings), opened(settings):
        pass


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_datasets_of_one_server_have_a_lock_each(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue(f"{engine}_url").rpartition("/")[0]
    url += "/postgres" if engine == "postgres" else ""
    first, second = (settings_for(url, tmp_path, dataset=name) for name in ("lock_one", "lock_two"))
    with opened(first), opened(second):
        pass


def test_a_lost_connection_is_a_lost_lock(
    postgres_url: str, postgres_server: Server, tmp_path: Path
) -> None:
    with opened(settings_for(postgres_url, tmp_path)) as warehouse:
        warehouse.refuse_lost_lock()
        ((pid,),) = warehouse.rows("select pg_backend_pid()")
        postgres_server.connect().cursor().execute("select pg_terminate_backend(%s)", [pid])
        with pytest.raises(Held, match="was lost") as caught:
            warehouse.refuse_lost_lock()
    assert "goes on from there" in caught.value.state


def test_a_run_shows_itself_on_the_server(
    postgres_url: str, postgres_server: Server, tmp_path: Path
) -> None:
    with opened(settings_for(postgres_url, tmp_path)):
        cursor = postgres_server.connect().cursor()
        cursor.execute("select application_name from pg_stat_activity")
        names = {name for (name,) in cursor.fetchall()}
    assert any(name.startswith(f"ordergroove process {os.getpid()} on") for name in names)
