"""`status`: how fresh the warehouse is, what is missing, and what the last runs did."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
from pendulum import DateTime

from pipelines.ordergroove.coverage import Stretch, covered, gaps
from pipelines.ordergroove.loading import Chunk, load
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.status import EntityStatus, Status, status_of, stored_positions, too_old
from pipelines.ordergroove.status_text import age_shown, as_json, as_text
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.page import Page
from sources.ordergroove.rows import batch_of
from sources.ordergroove.sandbox import Rules, Sandbox, World
from state.ordergroove.ledger import LEDGER
from state.ordergroove.slices import Slice, begun, remembered
from state.ordergroove.stored import resources_in
from state.ordergroove.watermark import BadState, Position, Span, Window
from tests.stories.stage import Stage, staged

ZONE = "America/New_York"
NAMES = ("customers", "orders", "items", "cancel_reasons")


def at(text: str) -> DateTime:
    return pendulum.instance(pendulum.DateTime.fromisoformat(f"{text}+00:00")).in_timezone("UTC")


def run_row(run: str, entity: str, started: DateTime, status: str, **other: Any) -> dict[str, Any]:
    empty = dict.fromkeys(LEDGER["sync_runs"].schema.names)
    given = {"run_id": run, "entity": entity, "command": "sync", "started_at": started}
    counts = {"pages": 1, "rows": 3, "deleted": 1, "retries": 0}
    return empty | counts | given | {"status": status} | other


def left_over(now: DateTime) -> Position:
    """Orders: read up to two days ago, and a window begun an hour ago."""
    window = Window(
        since=now.subtract(days=2, hours=2),
        opened_at=now.subtract(hours=1),
        fingerprint="0" * 16,
        next="https://restapi.example/orders/?cursor=s3cr3t",
        spans=(Span(start="2026-11-19T00:00:00"),),
    )
    return Position(watermark=now.subtract(days=2), window=window, zone=ZONE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A first sync of three entities, then a run that was killed half-way through the orders."""
    world = World(seed=3, customers=6, zone=ZONE, days=60, alive=False)
    with staged(
        Sandbox(world, rules=Rules(is_ticking=True)), tmp_path_factory.mktemp("status")
    ) as made:
        made.sync("customers", "orders", "cancel_reasons")
        kill_half_way(made)
        yield made


def kill_half_way(stage: Stage) -> None:
    settings = stage.settings()
    now = pendulum.now("UTC")
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        orders = ENTITIES["orders"]
        page = Page(records=[], next=None, body=b"", fetched_at=now, server_ahead_s=None)
        chunk = Chunk()
        chunk.add(
            Delivery(entity=orders, batch=batch_of(orders, [page], ZONE), position=left_over(now))
        )
        chunk.ledger["sync_runs"] = [
            run_row("second", "orders", now, "running"),
            run_row("second", "items", now, "failed", error="What.\nDo.", finished_at=now),
        ]
        assert load(warehouse.pipeline(scratch), chunk) == {}


@pytest.fixture(scope="module")
def status(stage: Stage) -> Status:
    with opened(stage.settings(), read_only=True) as warehouse:
        return status_of(warehouse, pendulum.now("UTC"), NAMES)


def of(status: Status, name: str) -> EntityStatus:
    return next(made for made in status.entities if made.entity.name == name)


def test_positions_are_the_ones_that_dlt_restores(stage: Stage) -> None:
    settings = stage.settings()
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        restored = resources_in(warehouse.pipeline(scratch).state)
        read = stored_positions(warehouse)
    assert {"customers", "orders", "cancel_reasons"} == set(read)
    assert {
        name: position.as_state()
        for name, position in read.items()
        if isinstance(position, Position)
    } == restored


def test_a_state_whose_load_never_ended_does_not_count(stage: Stage, tmp_path: Path) -> None:
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(stage.file.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute("""
            insert into ordergroove._dlt_pipeline_state
            select * replace ('9999999999.0' as _dlt_load_id, 'junk' as state, 'x' as _dlt_id)
            from ordergroove._dlt_pipeline_state limit 1
        """)
    settings = stage.settings()
    with opened(settings, read_only=True) as warehouse:
        before = stored_positions(warehouse)
    with opened(replace(settings, destination=f"duckdb:///{copy}"), read_only=True) as warehouse:
        assert stored_positions(warehouse) == before


def test_freshness_is_the_age_of_the_watermark(status: Status) -> None:
    orders = of(status, "orders")
    assert orders.watermark is not None
    assert orders.age == status.at - orders.watermark
    assert timedelta(days=2) <= orders.age < timedelta(days=2, minutes=1)
    assert of(status, "items").age is None


def test_an_interrupted_read_is_shown(status: Status) -> None:
    assert of(status, "customers").open_window is None
    window = of(status, "orders").open_window
    assert window is not None
    text = as_text(status, ZONE, 120)
    assert "orders: a read of since" not in text
    assert "orders: a read of what changed since" in text
    assert "was interrupted; the next sync goes on with it." in text


def test_a_run_that_says_it_is_running_was_killed(status: Status) -> None:
    last = of(status, "orders").last
    assert last is not None
    assert last.status == "crashed"
    assert status.runs[0].statuses == {"failed": 1, "crashed": 1}


def test_the_last_runs_come_newest_first(status: Status) -> None:
    second, first = status.runs
    assert (second.run_id, second.rows, second.deleted) == ("second", 6, 2)
    assert first.statuses == {"done": 3}
    assert first.started_at < second.started_at


def test_what_failed_is_told_with_its_reason(status: Status) -> None:
    last = of(status, "items").last
    assert last is not None
    assert (last.status, last.error) == ("failed", "What.\nDo.")
    assert "items: last run failed: What." in as_text(status, ZONE, 120)


def test_rows_are_counted_apart_when_they_are_deleted(stage: Stage, tmp_path: Path) -> None:
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(stage.file.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute("""
            update ordergroove.customers set _deleted_at = now()
            where merchant_user_id = (select min(merchant_user_id) from ordergroove.customers)
        """)
    settings = replace(stage.settings(), destination=f"duckdb:///{copy}")
    with opened(settings, read_only=True) as warehouse:
        customers = of(status_of(warehouse, pendulum.now("UTC")), "customers")
    assert (customers.live, customers.deleted) == (5, 1)


def test_a_first_sync_covers_everything_from_the_beginning(status: Status) -> None:
    (span,) = of(status, "customers").spans
    assert span.since is None
    assert span.until == of(status, "customers").watermark
    assert of(status, "customers").gaps == ()


def test_what_lies_between_two_reads_is_a_gap(stage: Stage, tmp_path: Path) -> None:
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(stage.file.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute("""
            insert into ordergroove.sync_windows (entity, since, until, opened_at, run_id)
            select
                entity, until + interval 2 hour, until + interval 3 hour,
                opened_at + interval 3 hour, 'later'
            from ordergroove.sync_windows where entity in ('customers', 'cancel_reasons')
        """)
    settings = replace(stage.settings(), destination=f"duckdb:///{copy}")
    with opened(settings, read_only=True) as warehouse:
        status = status_of(warehouse, pendulum.now("UTC"), NAMES)
    customers = of(status, "customers")
    (gap,) = customers.gaps
    assert gap == Stretch(
        since=customers.spans[0].until, until=customers.spans[1].since or gap.until
    )
    assert "customers: what changed last between" in as_text(status, ZONE, 120)
    # a list without a change filter is read whole: nothing lies between two reads
    assert of(status, "cancel_reasons").gaps == ()


def test_a_backfill_that_is_not_finished_is_shown_with_what_is_left(
    stage: Stage, tmp_path: Path
) -> None:
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(stage.file.read_bytes())
    settings = replace(stage.settings(), destination=f"duckdb:///{copy}")
    orders, asked = ENTITIES["orders"], Slice(since=at("2023-01-01"), until=at("2025-01-01"))
    half = replace(begun(asked, at("2026-06-01")), left=replace(asked, since=at("2024-01-01")))
    page = Page(records=[], next=None, body=b"", fetched_at=asked.since, server_ahead_s=None)
    chunk = Chunk()
    chunk.add(
        Delivery(
            entity=orders,
            batch=batch_of(orders, [page], ZONE),
            position=remembered(Position(), half),
        )
    )
    chunk.ledger["sync_windows"] = [
        {
            "entity": "orders",
            "since": asked.since,
            "until": at("2024-01-01"),
            "opened_at": at("2026-06-01"),
            "run_id": "b",
        }
    ]
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        warehouse.execute(f"delete from {warehouse.table('sync_windows')} where entity = 'orders'")
        assert load(warehouse.pipeline(scratch), chunk) == {}
    with opened(settings, read_only=True) as warehouse:
        status = status_of(warehouse, pendulum.now("UTC"), NAMES)

    text = as_text(status, "UTC", 120)
    assert "orders: a backfill of 2023-01-01 00:00 UTC to 2025-01-01 00:00 UTC has left:" in text
    assert "left: 2024-01-01 00:00 UTC to 2025-01-01 00:00 UTC; the same command goes on" in text
    assert "orders: read is what changed last 2023-01-01 00:00 UTC to 2024-01-01 00:00" in text
    found = as_json(status)["entities"][1]
    assert found["backfill"]["left"]["since"] == "2024-01-01T00:00:00Z"
    assert found["gaps"][0] == {"since": None, "until": "2023-01-01T00:00:00Z"}
    assert as_json(status)["entities"][0]["backfill"] is None


def test_eighty_characters_are_enough_for_an_entity_a_line(status: Status) -> None:
    wide, narrow = (as_text(status, ZONE, width).split("Last runs")[0] for width in (120, 80))
    assert "its rows" in wide
    assert "its rows" not in narrow
    named = [line.split()[0] for line in narrow.splitlines()[4:] if line]
    assert named[: len(status.entities)] == [made.entity.name for made in status.entities]
    assert max(map(len, narrow.splitlines()[2 : 4 + len(status.entities)])) <= 80


def test_too_old_names_what_was_not_read_within_the_limit(status: Status) -> None:
    assert too_old(status, timedelta(hours=26)) == ["orders", "items"]
    assert too_old(status, timedelta(days=3)) == ["items"]
    assert "customers" in too_old(status, timedelta(0))


def test_lists_that_are_read_whole_every_so_often_may_be_older(status: Status) -> None:
    nothing, week = timedelta(0), timedelta(days=7)
    assert "cancel_reasons" in too_old(status, nothing)
    assert "cancel_reasons" not in too_old(status, nothing, whole_read_every=week)
    assert "customers" in too_old(status, nothing, whole_read_every=week)


def test_what_the_key_cannot_see_is_not_called_old(status: Status) -> None:
    items = of(status, "items")
    assert items.last is not None
    unavailable = replace(items, last=replace(items.last, status="unavailable"))
    assert too_old(replace(status, entities=(unavailable,)), timedelta(0)) == []


def test_the_text_tells_every_entity_and_run(status: Status) -> None:
    text = as_text(status, ZONE, 120)
    assert [line.split()[0] for line in text.splitlines()[4:8]] == list(NAMES)
    assert "never" in text
    assert " EST" in text or " EDT" in text
    assert "1 failed, 1 crashed" in text


def test_json_says_times_in_utc_and_no_cursor(status: Status) -> None:
    text = json.dumps(as_json(status))
    found = json.loads(text)
    orders = found["entities"][1]
    assert found["at"].endswith("Z")
    assert orders["watermark"].endswith("Z")
    assert orders["age_s"] == pytest.approx(172_800, abs=60)
    assert orders["open_window"]["opened_at"].endswith("Z")
    assert found["entities"][0]["spans"][0]["since"] is None
    assert "s3cr3t" not in text + as_text(status, ZONE, 120)


def test_a_position_that_is_not_readable_is_shown_and_hides_nothing_else(
    stage: Stage, tmp_path: Path
) -> None:
    settings = stage.settings()
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(stage.file.read_bytes())
    settings = replace(settings, destination=f"duckdb:///{copy}")
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        pipeline = warehouse.pipeline(scratch)
        with pipeline.managed_state() as state:
            stored = state["sources"]["ordergroove"]["resources"]
            stored["orders"]["watermark"] = "yesterday"
        pipeline.sync_destination()
        load(
            pipeline, Chunk(ledger={"sync_runs": [run_row("x", "items", at("2026-01-01"), "done")]})
        )
    with opened(settings, read_only=True) as warehouse:
        assert isinstance(stored_positions(warehouse)["orders"], BadState)
        status = status_of(warehouse, pendulum.now("UTC"), NAMES)
    assert "not readable" in (of(status, "orders").unreadable or "")
    assert of(status, "customers").watermark is not None
    assert "orders" in too_old(status, timedelta(days=9))


def test_before_the_first_sync_the_message_says_so(stage: Stage) -> None:
    with (
        opened(replace(stage.settings(), dataset="another"), read_only=True) as warehouse,
        pytest.raises(ConfigError) as caught,
    ):
        status_of(warehouse, pendulum.now("UTC"))
    assert "Nothing has been synced" in caught.value.what
    assert "ordergroove sync" in caught.value.do


T = [at(f"2026-06-{day:02}") for day in range(1, 10)]


def stretch(since: int | None, until: int) -> Stretch:
    return Stretch(since=None if since is None else T[since], until=T[until])


@pytest.mark.parametrize(
    ("windows", "together"),
    [
        ([], []),
        ([(None, 1)], [(None, 1)]),
        ([(2, 3), (1, 2)], [(1, 3)]),
        ([(1, 4), (2, 3)], [(1, 4)]),
        ([(2, 5), (None, 3)], [(None, 5)]),
        ([(None, 1), (2, 3)], [(None, 1), (2, 3)]),
        ([(3, 4), (None, 5)], [(None, 5)]),
    ],
)
def test_windows_that_touch_or_overlap_are_one_stretch(
    windows: list[tuple[int | None, int]], together: list[tuple[int | None, int]]
) -> None:
    expected = tuple(stretch(*span) for span in together)
    assert covered(stretch(*window) for window in windows) == expected


def test_what_was_never_read_is_a_gap_the_time_before_the_first_window_too() -> None:
    assert gaps((stretch(1, 2), stretch(4, 5))) == (stretch(None, 1), stretch(2, 4))
    assert gaps((stretch(None, 2), stretch(4, 5))) == (stretch(2, 4),)
    assert gaps(()) == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (61, "1m 1s"), (7_200, "2h 0m"), (273_600, "3d 4h"), (-5, "0s")],
)
def test_ages_are_told_in_two_units(seconds: int, text: str) -> None:
    assert age_shown(timedelta(seconds=seconds)) == text
