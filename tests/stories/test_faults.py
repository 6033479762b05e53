"""Trouble on the way: what passes is waited out, what stays stops one entity and no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Fault, Faults, RateLimit, Rules, Sandbox, World
from tests.stories.stage import Stage, assert_true, staged

OTHERS = [name for name in ENTITIES if name != "orders"]


@contextmanager
def troubled(
    directory: Path, *faults: Fault | Faults, rules: Rules | None = None
) -> Iterator[Stage]:
    world = World(seed=4, customers=30, zone="America/New_York", days=120)
    sandbox = Sandbox(world, faults=faults, rules=rules)
    with staged(sandbox, directory) as stage:
        yield stage


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tenth_of_all_requests_may_fail_and_the_tables_are_the_same(
    tmp_path: Path, seed: int
) -> None:
    trouble = Faults(rate=0.1, seed=seed, seconds=1.0)
    with troubled(tmp_path, trouble) as stage:
        run = stage.sync(read_timeout="0.3s")

        assert run.exit_code() == 0
        assert sum(progress.tally.retries for progress in run.progress.values()) > 0
        assert_true(stage, ghosts={})


def test_a_lasting_fault_of_one_entity_leaves_the_other_eleven_loaded(tmp_path: Path) -> None:
    with troubled(tmp_path, Fault(kind="500", entity="orders", from_page=2)) as stage:
        first = stage.sync(retry_limit="0.3s")

        assert first.exit_code() == 3
        assert [p.entity.name for p in first.failures] == ["orders"]
        assert "later" in str(first.failures[0].error)
        assert_true(stage, names=OTHERS)
        assert stage.query("select count(*) from sync_windows where entity = 'orders'") == [(0,)]
        assert stage.query("select status from sync_runs where entity = 'orders'") == [("failed",)]

        stage.sandbox.trouble.faults = ()
        assert stage.sync().exit_code() == 0
        assert_true(stage)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("400", "report"),
        ("404", "base URL"),
        ("403", "Bulk Operations"),
        ("302", "base URL"),
        ("200 html", "base URL"),
    ],
)
def test_an_answer_that_no_retry_mends_fails_its_entity_at_once_with_a_remedy(
    tmp_path: Path, kind: str, word: str
) -> None:
    with troubled(tmp_path) as stage:
        stage.sync()
        stage.sandbox.trouble.faults = (Fault(kind=kind, entity="items"),)
        before = len(stage.sandbox.calls)

        run = stage.sync()

        assert run.exit_code() == 3
        assert word in str(run.progress["items"].error)
        assert len([c for c in stage.calls_since(before) if c.entity == "items"]) == 1
        assert_true(stage)


@pytest.mark.parametrize("status", ["403", "404"])
def test_an_entity_that_never_answered_is_unavailable_and_no_failure(
    tmp_path: Path, status: str
) -> None:
    with troubled(tmp_path, Fault(kind=status, entity="resources")) as stage:
        run = stage.sync()

        assert run.exit_code() == 0
        assert run.progress["resources"].status == "unavailable"
        found = stage.query("select status from sync_runs where entity = 'resources'")
        assert found == [("unavailable",)]


def test_a_refused_key_ends_with_seven_and_writes_nothing(tmp_path: Path) -> None:
    with troubled(tmp_path) as stage:
        run = stage.sync(api_key="wrong-key")

        assert run.exit_code() == 7
        assert tables_in(stage) == 0


def test_a_host_that_cannot_be_reached_ends_with_six_and_writes_nothing(tmp_path: Path) -> None:
    with troubled(tmp_path) as stage:
        run = stage.sync(base_url="http://127.0.0.1:9", retry_limit="0.2s")

        assert run.exit_code() == 6
        assert tables_in(stage) == 0


def test_a_next_link_to_another_host_never_receives_the_key(tmp_path: Path) -> None:
    with troubled(tmp_path / "other") as other:
        elsewhere = Fault(kind="next elsewhere", entity="orders", url=other.url)
        with troubled(tmp_path, elsewhere) as stage:
            run = stage.sync()

        assert run.exit_code() == 3
        assert "another address" in str(run.progress["orders"].error)
        assert other.sandbox.calls == []


def test_a_rate_limit_is_kept_to_by_all_entities_together(tmp_path: Path) -> None:
    limit = RateLimit(requests=6, per_s=1.0, retry_after_s=1)
    with troubled(tmp_path, rules=Rules(limit=limit)) as stage:
        run = stage.sync()

        assert run.exit_code() == 0
        assert_true(stage, ghosts={})
        refused = [call for call in stage.sandbox.calls if call.status == 429]
        assert refused, "the limit was never met"
        for call in refused:
            early = [
                c
                for c in stage.sandbox.calls
                if c.entity == call.entity and call.ended < c.started < call.ended + 1.0
            ]
            assert not early, "asked again before Retry-After had passed"


def test_a_table_that_takes_no_rows_stops_its_entity_and_the_reading_of_it(tmp_path: Path) -> None:
    world = World(seed=4, customers=200, zone="America/New_York", days=720, alive=False)
    with staged(Sandbox(world), tmp_path, delay_s=0.3) as stage:
        stage.sync("customers")
        with duckdb.connect(str(stage.file)) as connection:
            connection.execute("alter table ordergroove.orders alter column status type date")

        run = stage.sync("orders", "items", chunk_seconds="0.2")

        assert run.exit_code() == 3
        assert "Mend the cause" in str(run.progress["orders"].error)
        assert_true(stage, names=("items",))
        asked = [call for call in stage.sandbox.calls if call.entity == "orders"]
        assert len(asked) * 100 < len(stage.truth("orders")), "its list was read to the end"
        with duckdb.connect(str(stage.file)) as connection:
            connection.execute(
                "alter table ordergroove.orders alter column status type bigint using 0"
            )
        assert stage.sync("orders").exit_code() == 0
        assert_true(stage, names=("orders",))


@pytest.mark.parametrize(("customers", "is_odd"), [(1, True), (2, False)])
def test_a_first_sync_that_is_shown_a_single_customer_warns_of_the_permission(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, customers: int, is_odd: bool
) -> None:
    world = World(seed=4, customers=customers, zone="America/New_York", days=60)
    with staged(Sandbox(world), tmp_path) as stage:
        assert stage.sync("customers").exit_code() == 0
        assert ("Bulk Operations" in caplog.text) is is_odd
        caplog.clear()
        stage.sync("customers")
        assert "Bulk Operations" not in caplog.text


def tables_in(stage: Stage) -> int:
    if not stage.file.exists():
        return 0
    with duckdb.connect(str(stage.file), read_only=True) as connection:
        return len(connection.execute("show all tables").fetchall())
