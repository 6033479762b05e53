"""Webhook events as hints: what they make a run ask for, and what they never do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from pipelines.ordergroove.webhooks.inbox import inbox_at
from pipelines.ordergroove.webhooks.replay import replay
from pipelines.ordergroove.webhooks.values import InboxAddress
from sources.ordergroove.sandbox import Sandbox, World
from tests.stories.post import delivery
from tests.stories.stage import Stage, staged


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    world = World(customers=30, days=60, zone="America/New_York", alive=False)
    with staged(Sandbox(world), tmp_path) as made:
        made.sync("orders", "items", "subscriptions")
        yield made


def receive(stage: Stage, *told: tuple[str, str, str], at: float | None = None) -> None:
    """Puts events into the inbox: id, type and key of each; they happened now or at that time."""
    happened = int(pendulum.now("UTC").timestamp() if at is None else at)
    bodies = [
        delivery(id=name, type=event_type, created=happened, data={"object": {"public_id": key}})
        for name, event_type, key in told
    ]
    inbox = inbox_at(InboxAddress(file=stage.directory / "webhooks.sqlite"))
    replay(inbox, b"\n".join(bodies))
    inbox.close()


def waiting(stage: Stage) -> str:
    found = next(r for r in stage.world.rows("orders") if r.record["status"] == 1)
    return str(found.record["public_id"])


def edit_unseen(stage: Stage, entity: str, key: str, **fields: Any) -> None:
    """A change that no list tells of, as its stamp stays."""
    stage.world.find(entity, key).record.update(fields)
    stage.world.shop.store.version += 1


def singles(stage: Stage, since: int) -> list[tuple[str | None, str | None]]:
    """The single objects asked for since that call, without the controls of a proof."""
    return [(c.entity, c.path_key) for c in stage.calls_since(since) if c.path_key is not None]


def test_an_event_makes_a_run_fetch_what_the_windows_do_not_show(stage: Stage) -> None:
    order = waiting(stage)
    edit_unseen(stage, "orders", order, rejected_message="unseen")
    stage.sync("orders", "items")
    assert stage.rows("orders")[(order,)]["rejected_message"] is None

    receive(stage, ("e", "order.change_payment", order), at=pendulum.now("UTC").timestamp() + 60)
    stage.sync("orders", "items")

    assert stage.rows("orders")[(order,)]["rejected_message"] == "unseen"


def test_an_event_that_is_older_than_its_row_asks_for_nothing(stage: Stage) -> None:
    order = waiting(stage)
    hour_ago = pendulum.now("UTC").subtract(hours=2).timestamp()
    receive(stage, ("a", "order.change_payment", order), ("b", "order.delete", order), at=hour_ago)
    before = len(stage.sandbox.calls)

    stage.sync("orders", "items", "subscriptions")

    assert (("orders", order)) not in singles(stage, before)


def test_a_payload_never_becomes_a_row(stage: Stage) -> None:
    order = waiting(stage)
    before = stage.rows("orders")[(order,)]
    inbox = inbox_at(InboxAddress(file=stage.directory / "webhooks.sqlite"))
    told = {"public_id": order, "total": "0.01", "status": 5}
    replay(inbox, delivery(type="order.success", data={"object": told}))
    inbox.close()

    stage.sync("orders", "items")

    assert stage.rows("orders")[(order,)] == before


def test_a_deletion_that_an_event_tells_is_marked_with_its_time(stage: Stage) -> None:
    order = waiting(stage)
    stage.world.delete_order(order)
    happened = int(pendulum.now("UTC").timestamp())
    receive(stage, ("e", "order.delete", order), at=happened)

    stage.sync("orders", "items")

    found = stage.query(f"select _deleted_at from orders where public_id = '{order}'")
    assert found != [(None,)]
    assert stage.query(
        f"select epoch(deleted_at) from tombstones where record_key = '{order}'"
    ) == [(happened,)]


def test_an_event_that_tells_of_a_deletion_wrongly_deletes_nothing(stage: Stage) -> None:
    order = waiting(stage)
    item = next(
        r.record["public_id"] for r in stage.world.rows("items") if r.record["order"] == order
    )
    receive(stage, ("a", "order.delete", order), ("b", "item.remove", item))

    run = stage.sync("orders", "items")

    assert run.exit_code() == 0
    assert stage.query("select count(*) from orders where _deleted_at is not null") == [(0,)]
    assert stage.query("select count(*) from tombstones") == [(0,)]


def test_events_of_what_the_warehouse_does_not_hold_ask_for_nothing(stage: Stage) -> None:
    receive(
        stage,
        ("a", "order.delete", "nowhere"),
        ("b", "order.success", "nowhere"),
        ("c", "planet.moved", waiting(stage)),
        ("d", "order.reminder", waiting(stage)),
    )
    before = len(stage.sandbox.calls)

    run = stage.sync("orders", "items")

    assert run.exit_code() == 0
    assert "nowhere" not in json.dumps(singles(stage, before))
    assert (("orders", waiting(stage))) not in singles(stage, before)
