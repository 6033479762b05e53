"""Destinations configured in dlt: a SQL engine through dlt's own client, and a lake of Delta."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb
import pytest
from deltalake import DeltaTable

from pipelines.ordergroove.settings import load
from pipelines.ordergroove.targets.lease import DEAD_AFTER_S, Lease, Note
from pipelines.ordergroove.warehouse import opened
from sources.ordergroove.errors import ConfigError, Held
from sources.ordergroove.sandbox import Rules, Sandbox, World
from tests.servers import QUOTED_PASSWORD
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, assert_true, staged
from tests.stories.test_truth import deleted
from tests.targets.test_contents import assert_taken_over

ROUNDS = int(os.environ.get("ROUNDS", "2"))
"""Of changes; `make test-targets` plays more."""


@pytest.fixture
def configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[str], str]:
    """Configures a destination named `shop` of the kind, as .dlt/config.toml would."""

    def made(kind: str) -> str:
        monkeypatch.setenv("DESTINATION__SHOP__DESTINATION_TYPE", kind)
        if kind == "filesystem":
            monkeypatch.setenv("DESTINATION__SHOP__BUCKET_URL", f"{tmp_path}/lake")
        elif kind == "postgres":
            url = request.getfixturevalue("postgres_url")
            monkeypatch.setenv("DESTINATION__SHOP__CREDENTIALS", url)
        else:
            monkeypatch.setenv("DESTINATION__SHOP__CREDENTIALS", f"{tmp_path}/named.duckdb")
        return "shop"

    return made


def merchant() -> Sandbox:
    return Sandbox(World(seed=5, customers=15, zone="America/New_York", days=60), rules=Rules())


def run(stage: Stage) -> None:
    made = stage.sync()
    assert made.exit_code() == 0, [str(p.error) for p in made.failures]


@pytest.mark.parametrize("kind", ["filesystem", "postgres"])
def test_contents_equal_the_truth_after_every_round(
    tmp_path: Path, configured: Callable[[str], str], kind: str
) -> None:
    rng = Random(3)
    with staged(merchant(), tmp_path, destination=configured(kind)) as stage:
        run(stage)
        assert_true(stage, ghosts={})
        for _ in range(ROUNDS):
            stage.world.advance(hours=5)
            something_happens(stage.world, rng, 10)
            run(stage)
            assert_true(stage, ghosts=deleted(stage.world))


@pytest.mark.parametrize("kind", ["filesystem", "postgres"])
def test_what_an_older_release_has_made_is_taken_over(
    tmp_path: Path, configured: Callable[[str], str], kind: str
) -> None:
    with staged(merchant(), tmp_path, destination=configured(kind)) as stage:
        assert_taken_over(stage, run)


def test_a_lake_is_read_by_other_programs(tmp_path: Path, configured: Callable[[str], str]) -> None:
    with staged(merchant(), tmp_path, destination=configured("filesystem")) as stage:
        run(stage)
        table = DeltaTable(f"{tmp_path}/lake/ordergroove/orders")
        with duckdb.connect() as connection:
            connection.register("orders", table.to_pyarrow_dataset())
            found = connection.execute("select count(*), sum(total) from orders").fetchall()
        truth = stage.truth("orders").values()
        assert found == [(len(truth), sum(row["total"] or 0 for row in truth))]


def test_the_command_takes_its_configuration_from_dlts_file(tmp_path: Path) -> None:
    with staged(merchant(), tmp_path, destination="lake") as stage:
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / "config.toml").write_text(
            f'[destination.lake]\ndestination_type = "filesystem"\nbucket_url = "{tmp_path}/lake"\n'
        )
        for words in (["check"], ["sync"], ["status"], ["query", "select count(*) from orders"]):
            done = stage.command(*words)
            assert done.returncode == 0, done.stdout + done.stderr
        assert str(len(stage.truth("orders"))) in done.stdout


def refusal(tmp_path: Path, name: str) -> ConfigError:
    with (
        pytest.raises(ConfigError) as caught,
        opened(load({"destination": name}, {}, tmp_path, tmp_path)),
    ):
        pass
    assert "Nothing was written" in caught.value.state
    return caught.value


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("", "no destination type was configured."),
        ("postgress", "the configured destination type 'postgress' is not valid."),
    ],
)
def test_a_name_that_dlt_does_not_know_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, wrong: str
) -> None:
    if kind:
        monkeypatch.setenv("DESTINATION__NOWHERE__DESTINATION_TYPE", kind)
    error = refusal(tmp_path, "nowhere")
    expected = f"The destination 'nowhere' cannot be used: it is none of dlt's own, and {wrong}"
    assert error.what == expected
    assert "[destination.nowhere]" in error.do


def test_an_incomplete_configuration_is_refused_without_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__SHOP__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("DESTINATION__SHOP__CREDENTIALS__PASSWORD", QUOTED_PASSWORD)
    error = refusal(tmp_path, "shop")
    assert QUOTED_PASSWORD not in str(error)


def test_files_that_cannot_be_merged_into_are_refused(
    tmp_path: Path, configured: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    error = refusal(tmp_path, configured("filesystem"))
    assert error.do == "Install it with: pip install 'ordergroove-elt[delta]'"


@pytest.mark.parametrize("kind", ["filesystem", "postgres"])
def test_one_run_at_a_time_has_the_lease(
    tmp_path: Path, configured: Callable[[str], str], kind: str
) -> None:
    settings = load({"destination": configured(kind)}, {}, tmp_path, tmp_path)
    with opened(settings) as first:
        with (
            pytest.raises(Held, match=r"ordergroove process \d+ on .* holds .* since"),
            opened(settings),
        ):
            pass
        with opened(settings, read_only=True) as reader:
            assert reader.is_being_written
        first.refuse_lost_lock()
    with opened(settings) as second:
        second.refuse_lost_lock()


class Board:
    """A place for one note."""

    def __init__(self) -> None:
        self.note: Note | None = None

    def lease(self) -> Lease:
        return Lease(shown="a place", read=lambda: self.note, write=self.write)

    def write(self, note: Note | None) -> None:
        self.note = note


def test_a_lease_without_a_heartbeat_is_taken_over() -> None:
    board = Board()
    killed = board.lease()
    board.note = {**killed.note(), "beat": int(time.time() - DEAD_AFTER_S - 1)}
    lease = board.lease().take()
    assert lease.is_ours()
    assert not killed.is_ours()
    killed.give_back()
    assert lease.is_ours(), "who lost the lease takes it from nobody"
    lease.give_back()
    assert board.note is None


def test_a_living_lease_is_not_taken_over() -> None:
    board = Board()
    lease = board.lease().take()
    with pytest.raises(Held):
        board.lease().take()
    lease.give_back()
