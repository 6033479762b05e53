"""Deleted means deleted: what vanished is marked within one run, and nothing is without proof."""

import datetime as dt
import signal
import threading
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pendulum
import pytest
from pendulum import DateTime

from pipelines.ordergroove.deletions.candidates import LiveRows
from pipelines.ordergroove.deletions.proof import FEW
from pipelines.ordergroove.preflight import Ask
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Call, Fault, Rules, Sandbox, World
from sources.ordergroove.sandbox.exchange import Answer
from state.ordergroove.watermark import Position
from tests.stories.by_hand import ByHand, by_hand
from tests.stories.deeds import something_happens
from tests.stories.stage import staged

DAY = dt.datetime(2035, 6, 5, 18, tzinfo=dt.UTC)
NAMES = ["orders", "items"]


def merchant(seed: int = 5, customers: int = 40, **wanted: Any) -> World:
    given: dict[str, Any] = {
        "zone": "America/New_York",
        "now": DAY,
        "days": 90,
        "alive": False,
    } | wanted
    return World(seed=seed, customers=customers, **given)


def clock_of(world: World, lead_s: float = 0) -> DateTime:
    return pendulum.instance(world.now).add(seconds=lead_s)


def there(warehouse: ByHand, name: str) -> set[str]:
    return {record["public_id"] for record in warehouse.world.truth(name)}


def assert_marked(warehouse: ByHand, names: list[str] | tuple[str, ...] = tuple(NAMES)) -> None:
    """What lives in the warehouse is what there is, and the rest is marked."""
    for name in names:
        truth = there(warehouse, name)
        live = warehouse.keys(name, "_deleted_at is null")
        assert live - truth == set(), f"{name}: ghosts"
        assert truth - live == set(), f"{name}: missing, or marked wrongly"


def assert_none_wrongly(warehouse: ByHand) -> None:
    for name in NAMES:
        truth = there(warehouse, name)
        assert warehouse.keys(name, "_deleted_at is not null") & truth == set()


def delete(world: World, share: float, rng: Random) -> int:
    """Deletes a share of the waiting orders with what is in them. Returns how many."""
    waiting = [row.record["public_id"] for row in world.rows("orders") if row.record["status"] == 1]
    chosen = rng.sample(waiting, int(len(waiting) * share))
    for order in chosen:
        world.delete_order(order)
    return len(chosen)


def sweep_calls(calls: list[Call]) -> list[Call]:
    """Requests that only the sweep makes: single objects, and lists of a status."""
    return [call for call in calls if call.path_key or "status" in dict(call.query)]


def test_the_requests_for_the_proof_are_few_and_told() -> None:
    rng = Random(3)
    world = merchant(customers=60)
    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        for _ in range(30):
            world.advance(hours=rng.choice((0, 1, 30)))
            gone = len(world.deleted)
            something_happens(world, rng, rng.randint(0, 4))
            before = len(warehouse.sandbox.calls)

            run = warehouse.sync(NAMES, clock_of(world))

            swept = sweep_calls(warehouse.sandbox.calls[before:])
            pages = [call for call in swept if not call.path_key]
            controls = 2 * 2
            rows = [made for made in world.deleted[gone:] if made.entity in NAMES]
            assert len(swept) - len(pages) <= len(rows) + (controls if rows else 0)
            assert sum(made.sweep.requests for made in run.progress.values()) == len(swept)
            told = warehouse.warehouse.rows(
                "select sum(deleted), sum(sweep_requests) from ordergroove.sync_runs"
                " where run_id = ?",
                [run.run_id],
            )
            assert told == [(len(rows), len(swept))]


def test_what_nothing_happened_to_costs_the_open_list_and_no_proof() -> None:
    world = merchant()
    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        before = len(warehouse.sandbox.calls)

        warehouse.sync(NAMES, clock_of(world))

        swept = sweep_calls(warehouse.sandbox.calls[before:])
        assert {dict(call.query)["status"] for call in swept} >= {"1"}
        assert [call for call in swept if call.path_key] == []


def no_single_object(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    if request.url.path.count("/") > 2:
        return httpx.Response(500, json={"detail": "no"}, headers=dict(answer.headers))
    return answer


def records(answer: httpx.Response) -> list[Any]:
    found: list[Any] = answer.json()["results"]
    return found


def reply(answer: httpx.Response, chosen: list[Any]) -> httpx.Response:
    return httpx.Response(200, json={"next": None, "previous": None, "results": chosen})


def is_open_list(request: httpx.Request) -> bool:
    return "status" in request.url.params


def empty_list(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    return reply(answer, []) if is_open_list(request) else answer


def half_a_list(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    return reply(answer, records(answer)[::2]) if is_open_list(request) else answer


def storm(*numbers: int) -> Any:
    """Single objects of these numbers are missing, and the open list lacks ten that are there."""
    asked = 0

    def bend(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        nonlocal asked
        if is_open_list(request):
            return reply(answer, records(answer)[10:])
        if request.url.path.count("/") > 2:
            asked += 1
            if asked in numbers:
                return httpx.Response(404, json={"detail": "Not found."})
        return answer

    return bend


@pytest.mark.parametrize(
    "bend",
    [empty_list, half_a_list, storm(*range(1, 999)), storm(*range(2, 999)), storm(*range(1, 12))],
    ids=["empty list", "half a list", "404 storm", "404 storm, late", "404 storm, early"],
)
def test_a_server_that_hides_what_is_there_makes_nothing_deleted(bend: Any) -> None:
    rng = Random(4)
    world = merchant(customers=60)
    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        assert delete(world, 0.05, rng) > 0
        warehouse.bend = bend

        warehouse.sync(NAMES, clock_of(world))

        assert_none_wrongly(warehouse)
        # and what was deleted is found as soon as the server is itself again
        warehouse.bend = lambda _, answer: answer
        assert warehouse.sync(NAMES, clock_of(world)).exit_code() == 0
        assert_marked(warehouse)


def test_more_than_a_quarter_marks_nothing_until_it_is_accepted() -> None:
    rng = Random(5)
    world = merchant(customers=60)
    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        gone = delete(world, 0.5, rng)
        assert gone > 20
        before = len(warehouse.sandbox.calls)

        run = warehouse.sync(NAMES, clock_of(world))

        assert run.exit_code() == 5
        assert "--accept-deletions" in str(run.capped)
        assert warehouse.keys("orders", "_deleted_at is not null") == set()
        assert warehouse.keys("items", "_deleted_at is not null") == set()
        # the asking ends when it is clear
        assert len(sweep_calls(warehouse.sandbox.calls[before:])) < gone + 10
        world.advance(days=1)
        assert warehouse.sync(NAMES, clock_of(world)).exit_code() == 5

        assert warehouse.sync(NAMES, clock_of(world), Ask(any_deletions=True)).exit_code() == 0
        assert_marked(warehouse)
        assert warehouse.sync(NAMES, clock_of(world)).exit_code() == 0


def test_a_few_deletions_are_believed_whatever_their_share() -> None:
    world = merchant(customers=8)
    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        assert 0 < delete(world, 1.0, Random(1)) <= 20

        assert warehouse.sync(NAMES, clock_of(world)).exit_code() == 0
        assert_marked(warehouse)


def test_without_the_sweep_items_are_found_and_orders_are_found_later() -> None:
    world = merchant()
    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        waiting = [row.record["public_id"] for row in world.rows("orders")
                   if row.record["status"] == 1]  # fmt: skip
        item = world.add_upsell(waiting[0])
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        world.delete_item(item)
        world.delete_order(waiting[1])

        run = warehouse.sync(NAMES, clock_of(world), Ask(sweep=False))

        assert run.exit_code() == 0
        assert warehouse.keys("items", "_deleted_at is not null") == {item}
        assert warehouse.keys("orders", "_deleted_at is not null") == set()
        warehouse.sync(NAMES, clock_of(world))
        assert_marked(warehouse)


def test_a_row_that_is_shown_again_lives_again() -> None:
    world = merchant()
    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        row = next(row for row in world.rows("orders") if row.record["status"] == 1)
        key = row.record["public_id"]
        hidden = hide(key)
        warehouse.bend = hidden
        warehouse.sync(NAMES, clock_of(world))
        assert warehouse.keys("orders", "_deleted_at is not null") == {key}

        warehouse.bend = lambda _, answer: answer
        warehouse.sync(NAMES, clock_of(world))

        # nothing of it changed, so only the list of open orders shows it
        assert warehouse.keys("orders", "_deleted_at is not null") == set()


def hide(key: str) -> Any:
    """A server that denies one record everywhere."""

    def bend(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if key in request.url.path:
            return httpx.Response(404, json={"detail": "Not found."})
        if answer.status_code == 200 and "results" in answer.json():
            content = answer.json()
            content["results"] = [row for row in content["results"] if row["public_id"] != key]
            return httpx.Response(200, json=content)
        return answer

    return bend


def test_a_deletion_between_two_pages_hides_no_record_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sources.ordergroove.client.PAGE_SIZE", 3)
    world = merchant(customers=0, days=0)
    orders = [world.next_order(world.subscribe(world.create_customer())) for _ in range(6)]
    world.advance(days=1)
    for order in orders[1:]:
        # no list of open orders tells of these
        world.place_order(order)

    def delete(_: Any, call: Call) -> None:
        if world.find("orders", orders[0]):
            world.delete_order(orders[0])

    with by_hand(world) as warehouse:
        warehouse.sandbox.on_page = delete
        # items would name the orders that are missing
        warehouse.sync(["orders"], clock_of(world))

        assert there(warehouse, "orders") - warehouse.keys("orders", "true") == set()


def test_parts_of_what_came_and_went_between_two_reads_do_not_stay() -> None:
    world = merchant()
    made: list[str] = []

    def come(_: Any, call: Call) -> None:
        if call.entity == "orders" and not made:
            made.append(world.subscribe(world.rows("customers")[0].record["merchant_user_id"]))
            made.append(world.next_order(made[0]))

    with by_hand(world) as warehouse:
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        warehouse.sandbox.on_page = come
        warehouse.sync(NAMES, clock_of(world), Ask(sweep=False))
        warehouse.sandbox.on_page = None
        world.advance(days=1)
        world.delete_order(made[1])

        assert warehouse.sync(NAMES, clock_of(world)).exit_code() == 0

        assert_marked(warehouse)


def delete_at_once(warehouse: ByHand) -> str:
    """Deletes an item in the second in which it came and was read. Returns its key."""
    world = warehouse.world
    warehouse.sync(NAMES, clock_of(world))
    world.advance(days=1)
    order = next(row for row in world.rows("orders") if row.record["status"] == 1)
    item = str(world.add_upsell(order.record["public_id"]))
    warehouse.sync(NAMES, clock_of(world))
    world.delete_item(item)
    return item


def test_a_deletion_within_the_second_of_the_last_change_survives_a_failed_run() -> None:
    world = merchant()
    with by_hand(world) as warehouse:
        item = delete_at_once(warehouse)
        warehouse.bend = no_single_object
        for _ in range(2):
            run = warehouse.sync(NAMES, clock_of(world))
            assert run.exit_code() == 3
            assert "the next run asks again" in str(run.unproven[0])
            world.advance(days=1)
        # by now no window shows the order any more
        warehouse.bend = lambda _, answer: answer

        run = warehouse.sync(NAMES, clock_of(world))

        assert run.exit_code() == 0
        assert run.progress["orders"].rows == 0
        assert warehouse.keys("items", "_deleted_at is not null") == {item}


def test_it_survives_a_run_that_asked_for_orders_alone() -> None:
    world = merchant()
    with by_hand(world) as warehouse:
        item = delete_at_once(warehouse)
        world.advance(hours=5)
        warehouse.sync(["orders"], clock_of(world))

        warehouse.sync(NAMES, clock_of(world))

        assert warehouse.keys("items", "_deleted_at is not null") == {item}


def read_lately(warehouse: ByHand, names: list[str]) -> None:
    """The warehouse as a backfill of the last ten days leaves it."""
    now = clock_of(warehouse.world)
    warehouse.sync(names, now, Ask(since=now.subtract(days=10)))
    for name in names:
        warehouse.positions[name] = Position(watermark=now, zone=warehouse.settings.timezone)


def test_orders_of_a_past_that_was_never_read_are_not_fetched_one_by_one() -> None:
    world = merchant(customers=60)
    with by_hand(world) as warehouse:
        read_lately(warehouse, NAMES)
        assert len(there(warehouse, "orders")) > len(warehouse.keys("orders", "1 = 1")) > 0
        world.advance(days=1)
        before = len(warehouse.sandbox.calls)

        warehouse.sync(NAMES, clock_of(world))

        swept = sweep_calls(warehouse.sandbox.calls[before:])
        assert "1" in {dict(call.query).get("status") for call in swept}
        assert [call for call in swept if call.path_key] == []


def test_parts_are_looked_at_once_the_past_of_their_wholes_is_read() -> None:
    world = merchant()
    waiting = [row.record for row in world.rows("orders") if row.record["status"] == 1]
    with by_hand(world) as warehouse:
        warehouse.sync(["items"], clock_of(world))
        world.delete_order(min(waiting, key=lambda record: record["updated"])["public_id"])
        read_lately(warehouse, ["orders"])
        for names in (NAMES, NAMES, ["orders"]):
            ask = Ask(full_refresh=names != NAMES)
            # of an order in a past that was not read nobody can know that it is gone
            assert warehouse.keys("items", "_deleted_at is not null") == set()
            world.advance(days=1)
            warehouse.sync(names, clock_of(world), ask)
        world.advance(days=1)

        warehouse.sync(NAMES, clock_of(world))

        assert_marked(warehouse)


def test_where_none_is_left_other_object_types_vouch_for_the_404() -> None:
    world = merchant(customers=12)
    names = ["customers", "one_time_incentives"]
    with by_hand(world) as warehouse:
        warehouse.sync(names, clock_of(world))
        assert 0 < len(warehouse.keys("one_time_incentives", "1 = 1")) <= FEW
        for row in [*world.rows("one_time_incentives")]:
            world.erase("one_time_incentives", row.record["public_id"])
        world.advance(days=1)
        # nobody vouches for anything where only the list without rows is read
        assert warehouse.sync(names[1:], clock_of(world)).exit_code() == 3
        assert warehouse.keys("one_time_incentives", "_deleted_at is not null") == set()

        assert warehouse.sync(names, clock_of(world)).exit_code() == 0

        assert_marked(warehouse, ["one_time_incentives"])


def test_where_the_last_one_goes_after_it_was_shown_the_next_run_tells() -> None:
    """Seed 1565 of the simulation came to it: a list that answered, then nothing of it is found."""
    world = merchant(customers=12)
    names = ["customers", "one_time_incentives"]
    with by_hand(world) as warehouse:
        warehouse.sync(names, clock_of(world))
        last, *others = [row.record["public_id"] for row in world.rows(names[1])]
        assert 0 < len(others) < FEW
        for key in others:
            world.erase(names[1], key)
        world.advance(days=1)

        def goes_once_shown(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            if last in answer.text and request.url.path == ENTITIES[names[1]].path:
                world.erase(names[1], last)
            return answer

        warehouse.bend = goes_once_shown
        # another type's rows tell nothing of this one's single objects while one should be there
        assert warehouse.sync(names, clock_of(world)).exit_code() == 3
        assert warehouse.keys(names[1], "_deleted_at is not null") == set()

        assert warehouse.sync(names, clock_of(world)).exit_code() == 0

        assert warehouse.keys(names[1], "_deleted_at is not null") == {last, *others}


def test_the_lists_of_another_merchant_prove_nothing() -> None:
    world, other = merchant(), merchant(seed=6)
    with by_hand(world) as warehouse, by_hand(other) as elsewhere:
        warehouse.sync(NAMES, clock_of(world))
        world.advance(days=1)
        # nothing changed there, so that only the lists of open orders can tell
        other.advance(days=1)
        warehouse.bend = lambda request, _: elsewhere.sandbox.handle(request)

        run = warehouse.sync(NAMES, clock_of(world))

        assert run.exit_code() == 2
        assert "another merchant" in str(run.unproven[0])
        assert warehouse.keys("orders", "_deleted_at is not null") == set()
        assert warehouse.keys("items", "_deleted_at is not null") == set()


def test_items_of_another_merchant_do_not_vouch_for_a_404() -> None:
    world, other = merchant(customers=4, days=20), merchant(seed=6, customers=4, days=20)
    with by_hand(world) as warehouse, by_hand(other) as elsewhere:
        warehouse.sync(NAMES, clock_of(world))
        assert 0 < len(there(warehouse, "items")) <= 20
        warehouse.bend = lambda request, _: elsewhere.sandbox.handle(request)
        # items name no merchant, so that a run of them alone cannot tell
        for _ in range(2):
            world.advance(days=1)
            warehouse.sync(["items"], clock_of(world), Ask(full_refresh=True))
            marked = warehouse.keys("items", "_deleted_at is not null")
            assert marked & there(warehouse, "items") == set()


def test_what_is_missing_from_a_list_read_whole_is_asked_for_by_itself() -> None:
    world = merchant()
    names = [*NAMES, "one_time_incentives"]
    waiting = [row.record["public_id"] for row in world.rows("orders") if row.record["status"] == 1]
    granted = [world.grant(order) for order in waiting[:4]]
    with by_hand(world) as warehouse:
        warehouse.sync(names, clock_of(world))
        world.advance(days=1)
        world.erase("one_time_incentives", granted[0])

        assert warehouse.sync(names, clock_of(world)).exit_code() == 0

        assert warehouse.keys("one_time_incentives", "_deleted_at is not null") == {granted[0]}
        assert_marked(warehouse, tuple(names))


def test_without_a_single_object_two_complete_reads_have_to_lack_it() -> None:
    world = merchant()
    profiles = [row.record["public_id"] for row in world.rows("offer_profiles")]
    with by_hand(world) as warehouse:
        warehouse.sync(["offer_profiles"], clock_of(world))
        # a list that lost more than half, however often, is none to go by
        warehouse.bend = lambda _, answer: reply(answer, records(answer)[:1])
        for _ in range(3):
            world.advance(days=1)
            warehouse.sync(["offer_profiles"], clock_of(world))
        assert warehouse.keys("offer_profiles", "_deleted_at is not null") == set()
        warehouse.bend = lambda _, answer: answer
        world.advance(days=1)
        warehouse.sync(["offer_profiles"], clock_of(world))

        world.erase("offer_profiles", profiles[0])
        world.advance(days=1)
        warehouse.sync(["offer_profiles"], clock_of(world))
        assert warehouse.keys("offer_profiles", "_deleted_at is not null") == set()
        world.advance(days=1)
        warehouse.sync(["offer_profiles"], clock_of(world))
        assert warehouse.keys("offer_profiles", "_deleted_at is not null") == {profiles[0]}


def test_the_last_row_of_a_list_is_marked_once_there_is_another_to_compare_with() -> None:
    world = merchant()
    waiting = [row.record["public_id"] for row in world.rows("orders") if row.record["status"] == 1]
    for row in [*world.rows("one_time_incentives")]:
        world.erase("one_time_incentives", row.record["public_id"])
    name, granted = "one_time_incentives", world.grant(waiting[0])
    with by_hand(world) as warehouse:
        warehouse.sync([name], clock_of(world))
        world.erase(name, granted)
        for _ in range(2):
            world.advance(days=1)
            warehouse.sync([name], clock_of(world))
            assert warehouse.keys(name, "_deleted_at is not null") == set()

        world.grant(waiting[1])
        world.advance(days=1)
        assert warehouse.sync([name], clock_of(world)).exit_code() == 0

        assert warehouse.keys(name, "_deleted_at is not null") == {granted}


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_live_rows_come_in_portions_each_once(size: int) -> None:
    world = merchant(customers=10)
    with by_hand(world) as warehouse:
        warehouse.sync(["items"], clock_of(world))
        live = LiveRows(warehouse=warehouse.warehouse, entity=ENTITIES["items"])
        found = [*live.portions(size)]
    assert all(len(portion) == size for portion in found[:-1])
    keys = [key for portion in found for (key,) in portion]
    assert sorted(keys) == sorted(there(warehouse, "items"))


def test_a_key_of_several_parts_is_marked_as_one() -> None:
    world = merchant()
    key = (row := world.rows("product_groups")[0].record)["group_type"], row["name"]
    with by_hand(world) as warehouse:
        warehouse.sync(["product_groups"], clock_of(world))
        world.erase("product_groups", key)
        for _ in range(2):
            world.advance(days=1)
            warehouse.sync(["product_groups"], clock_of(world))

        found = warehouse.warehouse.rows(
            "select group_type, name from ordergroove.product_groups where _deleted_at is not null"
        )
        assert found == [key]


def test_a_full_refresh_finds_whoever_is_gone_from_a_list_that_marks_nothing() -> None:
    world = merchant()
    customer = world.create_customer()
    with by_hand(world) as warehouse:
        warehouse.sync(["customers"], clock_of(world))
        world.erase("customers", customer)
        world.advance(days=1)
        warehouse.sync(["customers"], clock_of(world))
        assert warehouse.keys("customers", "_deleted_at is not null") == set()

        warehouse.sync(["customers"], clock_of(world), Ask(full_refresh=True))

        assert warehouse.keys("customers", "_deleted_at is not null") == {customer}


class Watched(Sandbox):
    """Tells when single objects have been asked for twice."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.asked_twice = threading.Event()

    def respond(self, *given: Any, **named: Any) -> Answer:
        answer = super().respond(*given, **named)
        if sum(call.path_key is not None for call in self.calls) >= 2:
            self.asked_twice.set()
        return answer


def test_a_run_killed_while_it_asks_leaves_nothing_half_done(tmp_path: Path) -> None:
    world = merchant(customers=20, now=None)
    # the control answers, then nothing does
    slow = Fault(kind="slow", where="single", from_page=2, seconds=60)
    sandbox = Watched(world, rules=Rules(is_ticking=True))
    with staged(sandbox, tmp_path) as stage:
        assert stage.command("sync", "orders", "items").returncode == 0
        past = len(world.deleted)
        assert delete(world, 0.3, Random(1)) > 0
        stage.sandbox.trouble.faults = (slow,)
        process = stage.start("sync", "orders", "items")
        assert sandbox.asked_twice.wait(timeout=60)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        assert stage.query("select count(*) from orders where _deleted_at is not null") == [(0,)]
        stage.sandbox.trouble.faults = ()

        done = stage.command("sync", "orders", "items")

        assert done.returncode == 0, done.stderr
        gone = {entry.key for entry in world.deleted[past:] if entry.entity == "orders"}
        marked = stage.query("select public_id from orders where _deleted_at is not null")
        assert {key for (key,) in marked} == gone
        assert f"{len(gone)} deleted since" in done.stdout
        evidence = stage.query("select distinct evidence from tombstones")
        assert evidence == [("404 for it, 200 for others of the same run",)]
