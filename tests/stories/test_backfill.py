"""Years of history in slices: whatever stops a backfill or comes between, it ends right."""

import itertools
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pendulum
import pytest

from pipelines.ordergroove.backfilling.backfill import backfill
from pipelines.ordergroove.backfilling.made import Backfilled, Times
from pipelines.ordergroove.backfilling.reading import Asked
from pipelines.ordergroove.backfilling.turns import chunk_seconds
from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.reading import PAGES_A_BATCH
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Call, Fault, Rules, Sandbox, World
from sources.ordergroove.sandbox.exchange import Answer
from sources.ordergroove.sandbox.transport import exchange
from state.ordergroove.slices import Slice, backfill_of
from state.ordergroove.watermark import Position, position_of
from tests.stories.deeds import something_happens
from tests.stories.stage import KEY, Stage, assert_true, staged
from tests.stories.test_truth import deleted


class SmallPages(Sandbox):
    """An Ordergroove whose pages hold less than is asked for: more pages, and as much work."""

    page_size = 10

    def respond(self, method: str, path: str, query: Any = (), *args: Any, **given: Any) -> Answer:
        query = re.sub(r"page_size=\d+", f"page_size={self.page_size}", query)
        return super().respond(method, path, query, *args, **given)


INCREMENTAL = [name for name, entity in ENTITIES.items() if entity.is_incremental]
WHOLE = [name for name in ENTITIES if name not in INCREMENTAL]
HURRY = Times(pause_s=0.0, retry_s=0.0)
ZONE = "America/New_York"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=3, customers=30, zone=ZONE, days=300, alive=False)
    world.advance(hours=20)
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path) as made:
        yield made


def everything(stage: Stage, unit: str = "year", **changes: Any) -> Asked:
    """All of the past, some of which lies ahead."""
    return lately(stage, unit, days=400, **changes)


def lately(stage: Stage, unit: str, *, days: int, **changes: Any) -> Asked:
    """The past so many days, and some time that lies ahead."""
    now = pendulum.instance(stage.world.now)
    since = now.subtract(days=days)
    return Asked(stretch=Slice(since=since, until=now.add(days=1)), unit=unit, **changes)


def run(
    stage: Stage,
    asked: Asked,
    *names: str,
    client: Client | None = None,
    times: Times = HURRY,
    **given: Any,
) -> Backfilled:
    settings = stage.settings()
    client = client or client_for(settings)
    return backfill(settings, names or tuple(ENTITIES), asked, client=client, times=times, **given)


def position(stage: Stage, name: str) -> Position:
    with opened(stage.settings(), read_only=True) as warehouse:
        return position_of(ENTITIES[name], warehouse.positions().get(name))


def lists_of(calls: Any, name: str) -> list[Call]:
    """Pages of a list; the counts are of the first version of the API."""
    return [
        call
        for call in calls
        if call.entity == name and call.path_key is None and "x-og-api-version" in call.headers
    ]


def test_a_backfill_of_everything_brings_everything(stage: Stage) -> None:
    made = run(stage, everything(stage))

    assert made.exit_code() == 0
    assert_true(stage, ghosts={})
    for name in WHOLE:
        assert len(lists_of(stage.sandbox.calls, name)) == 1


def test_only_what_last_changed_between_the_two_ends_is_read_and_both_belong_to_it(
    stage: Stage,
) -> None:
    stamps = sorted(row["updated"] for row in stage.truth("orders").values())
    first, last = stamps[len(stamps) // 3], stamps[len(stamps) // 2]
    asked = Asked(
        stretch=Slice(
            since=pendulum.instance(first, ZONE).in_timezone("UTC"),
            until=pendulum.instance(last, ZONE).in_timezone("UTC"),
        )
    )
    # what changed since the end is the pass's at the end: here, to tell them apart, it reads none
    stage.sync("orders", ask=Ask(sweep=False))
    stage_rows = {row["updated"] for row in stage.rows("orders").values()}
    assert stage_rows == set(stamps)
    before = len(stage.sandbox.calls)

    run(stage, asked, "orders")

    asked_for = [dict(call.query) for call in lists_of(stage.calls_since(before), "orders")]
    *slices, closing = asked_for
    assert "updated_end" not in closing
    text = first.isoformat(), last.isoformat()
    assert slices[0]["updated_start"] <= text[0]
    assert slices[-1]["updated_end"] >= text[1]
    assert all("updated_end" in query for query in slices)


@pytest.mark.parametrize("newest_first", [False, True])
def test_each_slice_is_a_window_and_they_share_their_edges(
    stage: Stage, newest_first: bool
) -> None:
    asked = lately(stage, "month", days=100, newest_first=newest_first)

    made = run(stage, asked, "orders", "customers")

    past = replace(asked.stretch, until=made.run.started_at)
    for name in ("orders", "customers"):
        found = stage.query(
            "select since, until, opened_at from sync_windows"
            f" where entity = '{name}' order by since"
        )
        *slices, closing = found
        assert len(slices) == past.count("month", ZONE)
        assert all(earlier[1] == later[0] for earlier, later in pairwise(slices))
        assert slices[0][0].timestamp() == asked.stretch.since.timestamp()
        assert closing[1] == closing[2]
        order = [opened_at for _, _, opened_at in slices]
        assert order == sorted(order, reverse=newest_first)


def test_the_first_sync_after_it_asks_for_what_came_since_its_opening(stage: Stage) -> None:
    opening = pendulum.now("UTC")
    run(stage, everything(stage))
    before = len(stage.sandbox.calls)

    stage.sync(ask=Ask(sweep=False))

    for name in INCREMENTAL:
        changes = ENTITIES[name].changes
        assert changes is not None
        (call,) = lists_of(stage.calls_since(before), name)
        start = dict(call.query)[changes.start]
        # two hours of overlap, five behind UTC
        earliest, latest = (opening.subtract(hours=7, seconds=s) for s in (1, -300))
        assert earliest.naive().isoformat() <= start <= latest.naive().isoformat()


def test_what_changes_from_slice_to_slice_meanwhile_is_not_lost(stage: Stage) -> None:
    rng = Random(4)

    def while_paging(world: Any, call: Call) -> None:
        if rng.random() < 0.3:
            something_happens(world, rng, 1)

    stage.sandbox.on_page = while_paging
    run(stage, lately(stage, "month", days=310))
    stage.sandbox.on_page = None

    # what changed after the last page of the last pass is the next sync's
    stage.sync(ask=Ask(sweep=False))
    assert_true(stage, ghosts=deleted(stage.world))


def test_what_leaves_a_slice_takes_no_record_beside_it_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sources.ordergroove.client.PAGE_SIZE", 3)
    began = pendulum.now("UTC").subtract(days=4).start_of("hour")
    world = World(seed=3, customers=0, zone=ZONE, now=began, days=0, alive=False)
    customers = [world.create_customer() for _ in range(6)]
    world.subscribe(customers[0])
    world.advance(hours=1)
    beside = [world.subscribe(customer) for customer in customers]
    world.advance(days=2)
    # the pass at the end asks for what changed since, and two hours before
    stretch = Slice(since=began, until=began.add(hours=8))
    shown = itertools.count(1)

    def on_page(_: object, call: Call) -> None:
        # the first page ends with the second of them
        if call.entity == "subscriptions" and next(shown) == 1:
            world.change_quantity(beside[0], 9)

    with staged(Sandbox(world, on_page=on_page), tmp_path) as stage:
        run(stage, Asked(stretch=stretch), "subscriptions")

        assert {*beside} - {str(key) for (key,) in stage.rows("subscriptions")} == set()


def test_rows_without_a_stamp_come_from_one_unfiltered_read_at_the_end(stage: Stage) -> None:
    for row in stage.world.rows("addresses")[::4]:
        row.record["updated"] = None
    stage.world.touch_customer(stage.world.rows("customers")[0].record["merchant_user_id"])

    made = run(stage, everything(stage))

    assert made.exit_code() == 0
    assert_true(stage, ghosts={})
    for name in INCREMENTAL:
        plain = [
            call
            for call in lists_of(stage.sandbox.calls, name)
            if not {"updated_start", "order_updated_start", "cursor"} & dict(call.query).keys()
        ]
        assert len(plain) == (1 if name == "addresses" else 0)


def test_a_slice_that_lacks_records_is_read_again_and_told(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = counting_client(stage, more=2, once=False)

    made = run(stage, everything(stage), "customers", client=client)

    (lack,) = made.lacks["customers"][:1]
    assert lack.counted == lack.seen + 2
    assert made.exit_code() == 5
    assert "reading it again" in caplog.text


def test_a_slice_that_lacked_records_once_is_read_again_and_then_good(stage: Stage) -> None:
    made = run(
        stage, everything(stage), "customers", client=counting_client(stage, more=2, once=True)
    )

    assert (made.exit_code(), made.lacks) == (0, {})
    assert_true(stage, names=["customers"])


def test_where_nothing_is_counted_the_unfiltered_read_is_made(stage: Stage) -> None:
    made = run(stage, everything(stage), "customers", client=counting_client(stage, more=None))

    assert made.exit_code() == 0
    unfiltered = [c for c in lists_of(stage.sandbox.calls, "customers") if len(c.query) == 1]
    assert len(unfiltered) == 1


def counting_client(stage: Stage, *, more: int | None, once: bool = False) -> Client:
    """A client of a server that counts more records than it shows, or none at all."""
    told: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        response = exchange(stage.sandbox, request)
        if "x-og-api-version" in request.headers:
            return response
        document = response.json()
        if more is None:
            del document["count"]
        elif "updated_end" in request.url.params and not (once and told):
            document["count"] += more
            told.append("")
        return httpx.Response(200, json=document)

    return Client(base_url=stage.url, key=KEY, transport=httpx.MockTransport(answer))


def test_a_backfill_never_moves_a_watermark_back(stage: Stage) -> None:
    stage.sync()
    marks = {name: position(stage, name).watermark for name in ENTITIES}

    run(stage, Asked(stretch=everything(stage).stretch, unit="year"))

    for name in ENTITIES:
        before, after = marks[name], position(stage, name)
        assert before is not None
        assert after.watermark is not None
        assert after.watermark >= before
        ended = backfill_of(ENTITIES[name], after)
        assert ended is None if name in WHOLE else ended and ended.is_over


def test_running_it_again_changes_nothing(stage: Stage) -> None:
    run(stage, everything(stage))
    first = contents(stage)

    run(stage, everything(stage))

    assert contents(stage) == first


def contents(stage: Stage) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: stage.query(f"select * exclude (_synced_at) from {name} order by all")
        for name in ENTITIES
    }


def test_a_sync_gets_its_turn_between_two_slices(stage: Stage) -> None:
    stage.sync("cancel_reasons")
    turns: list[object] = []
    begun = threading.Event()

    def look(made: Backfilled) -> None:
        if made.run.finished_at not in turns:
            turns.append(made.run.finished_at)
            begun.set()

    def sync_beside() -> None:
        begun.wait(timeout=120)
        done.append(stage.command("sync", "--lock-timeout", "110s", "cancel_reasons"))
        done.append(len(turns))

    done: list[Any] = []
    beside = threading.Thread(target=sync_beside)
    beside.start()
    asked = lately(stage, "month", days=120)
    run(stage, asked, "orders", on_change=look, times=Times())
    beside.join(timeout=120)

    synced, turns_by_then = done
    assert synced.returncode == 0, synced.stderr
    assert turns_by_then < len(turns)


def test_a_turn_that_takes_too_long_lets_go_in_the_middle_of_a_slice(stage: Stage) -> None:
    made = run(stage, everything(stage), times=Times(pause_s=0.0, turn_s=0.0))

    assert made.exit_code() == 0
    assert_true(stage, ghosts={})
    pages = len(lists_of(stage.sandbox.calls, "orders"))
    calm = -(-len(stage.truth("orders")) // 100) + 4
    assert pages <= calm + 2


def test_chunks_are_short_at_first_and_at_last_as_long_as_those_of_a_sync() -> None:
    seconds = [chunk_seconds(5.0, read_s) for read_s in (0.0, 40.0, 200.0, 1000.0, 9000.0)]
    assert seconds == [0.25, 0.25, 1.0, 5.0, 5.0]


def test_a_window_left_over_does_not_stand_for_what_changed_meanwhile(tmp_path: Path) -> None:
    world = World(seed=3, customers=40, zone=ZONE, days=300, alive=False)
    sandbox = SmallPages(world)
    with staged(sandbox, tmp_path) as stage:
        stage.sync("orders")
        world.advance(hours=30)
        for (key,) in [*stage.truth("orders")][: 2 * PAGES_A_BATCH + 20]:
            world.edit("orders", str(key), extra_data={"note": "late"})
        sandbox.page_size = 2
        cut_short(stage, "orders", PAGES_A_BATCH + 1)
        assert position(stage, "orders").window is not None, "nothing was left over"
        sandbox.page_size = 100
        before = len(sandbox.calls)

        run(stage, lately(stage, "year", days=2), "orders", times=Times(pause_s=0.0, turn_s=0.0))

        asked_for = [dict(call.query) for call in lists_of(stage.calls_since(before), "orders")]
        passes = [query for query in asked_for if not {"updated_end", "cursor"} & query.keys()]
        assert len(passes) == 1, "what changed since the slices were read was not asked for"


def cut_short(stage: Stage, name: str, pages: int) -> None:
    """A sync that is stopped after so many pages."""
    settings = stage.settings()
    client = client_for(settings)
    shown = itertools.count(1)

    def on_page(world: object, call: Call) -> None:
        if next(shown) == pages:
            client.stop.set()

    stage.sandbox.on_page = on_page
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        sync(settings, [name], warehouse=warehouse, scratch=scratch, client=client)
    stage.sandbox.on_page = None


def test_a_page_that_does_not_come_is_left_behind_and_asked_for_again(stage: Stage) -> None:
    asked, turn_is_over = threading.Event(), threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/orders") and not asked.is_set():
            asked.set()
            # until the first turn has ended without it
            assert turn_is_over.wait(120)
        return exchange(stage.sandbox, request)

    def look(made: Backfilled) -> None:
        if made.run.finished_at is not None:
            turn_is_over.set()

    client = Client(base_url=stage.url, key=KEY, transport=httpx.MockTransport(answer))
    patience = Times(pause_s=0.0, turn_s=0.0, grace_s=2.0)
    made = run(
        stage, everything(stage), "orders", "customers",
        client=client, on_change=look, times=patience,
    )  # fmt: skip

    assert made.exit_code() == 0
    assert turn_is_over.is_set()
    assert_true(stage, names=["orders", "customers"], ghosts={})
    first, second = lists_of(stage.sandbox.calls, "orders")[:2]
    assert first.query == second.query, "the page that came too late was not asked for again"
    assert second.started >= first.ended, "two requests of one entity were in flight"


def test_trouble_that_passes_spoils_a_turn_and_not_the_backfill(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(seed=3, customers=20, zone=ZONE, days=100, alive=False)
    faults = [Fault(kind="503", entity="orders", from_page=2, times=2)]
    with staged(Sandbox(world, faults=faults), tmp_path) as stage:
        client = Client(base_url=stage.url, key=KEY, retry_limit_s=0.0, back_off_s=0.0)

        made = run(stage, lately(stage, "month", days=110), "customers", "orders", client=client)

        assert made.exit_code() == 0
        assert "the next turn tries again" in caplog.text
        assert_true(stage, names=["customers", "orders"])


def test_who_holds_the_warehouse_at_the_start_is_told(stage: Stage) -> None:
    stage.sync("cancel_reasons")
    with opened(stage.settings()):
        done = stage.command("backfill", "--from", "2025-01-01", "--to", "2026-01-01")

    assert done.returncode == 4
    assert "holds the warehouse" in done.stderr or "is using" in done.stderr, done.stderr


def test_who_is_done_before_the_others_is_not_read_again_when_it_goes_on(stage: Stage) -> None:
    asked = everything(stage)
    run(stage, asked, "customers")
    before = len(stage.sandbox.calls)

    run(stage, asked, "customers", "orders")

    again = lists_of(stage.calls_since(before), "customers")
    assert not [call for call in again if "updated_end" in str(call.query)]
    assert [
        c for c in lists_of(stage.calls_since(before), "orders") if "updated_end" in str(c.query)
    ]
    assert_true(stage, names=["customers", "orders"])


KILLS = 5
SYNCS = 3
PAGES_TO_A_KILL = 20


def test_killed_five_times_and_with_three_syncs_between_it_reads_only_the_open_slices_again(
    tmp_path: Path,
) -> None:
    rng = Random(5)
    world = World(seed=9, customers=60, zone=ZONE, days=400)
    sandbox = SmallPages(world, rules=Rules(is_ticking=True))
    with staged(sandbox, tmp_path, delay_s=0.02) as stage:
        assert stage.command("sync").returncode == 0
        now = pendulum.instance(world.now).in_timezone(ZONE)
        words = ["backfill", "--from", f"{now.subtract(days=200):%Y-%m-%d}"]
        words += ["--to", f"{now:%Y-%m-%dT%H:%M:%S}", "--slice", "month", *INCREMENTAL]
        lives: list[list[Call]] = []
        for kill in range(KILLS):
            lives.append(killed_at_page(stage, words, PAGES_TO_A_KILL))
            if kill < SYNCS:
                something_happens(world, rng, 10)
                assert stage.command("sync").returncode == 0
        before = len(sandbox.calls)

        done = stage.command(*words)

        assert done.returncode == 0, done.stderr
        assert_true(stage, names=INCREMENTAL, ghosts=deleted(world))
        lives.append([*stage.calls_since(before)])
        for earlier, later in pairwise(lives):
            for name in INCREMENTAL:
                assert_goes_on(slices_of(earlier, name), slices_of(later, name))


def killed_at_page(stage: Stage, words: list[str], number: int) -> list[Call]:
    """A backfill that is killed when it was shown so many pages of slices; what it asked for."""
    shown = threading.Semaphore(0)
    before = len(stage.sandbox.calls)

    def on_page(world: object, call: Call) -> None:
        if "updated_end" in str(call.query):
            shown.release()

    stage.sandbox.on_page = on_page
    process = stage.start(*words, chunk_seconds="0.2")
    for _ in range(number):
        assert shown.acquire(timeout=120), "it came to its end before"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    stage.sandbox.on_page = None
    assert process.returncode == -signal.SIGKILL
    return [*stage.calls_since(before)]


def slices_of(calls: list[Call], name: str) -> list[tuple[str, Call]]:
    """The pages of slices in their order, each with the end of its slice."""
    changes = ENTITIES[name].changes
    assert changes is not None
    asked_for = [(dict(call.query).get(changes.end), call) for call in lists_of(calls, name)]
    return [(end, call) for end, call in asked_for if end]


def assert_goes_on(earlier: list[tuple[str, Call]], later: list[tuple[str, Call]]) -> None:
    """Whoever comes after a kill reads nothing again but pages of the slice that was open."""
    asked_again = {call.query for _, call in later}
    in_vain = {end for end, call in earlier if call.query in asked_again}
    assert in_vain <= {end for end, _ in earlier[-1:]}
