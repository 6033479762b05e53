"""The canary against a server that is not our sandbox, and documented answers as it gives them."""

import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ordergroove.purchasing.canary import Unseen, canary
from pipelines.ordergroove.purchasing.wish import CUSTOMER, purchase_of
from pipelines.ordergroove.settings import Settings, load
from sources.ordergroove.purchase.client import Purchases
from sources.ordergroove.purchase.outcome import State
from tests.purchase_api.other_server import KEY, Shop, another, environ

STEPS = ["sync before", "purchase", "arrival", "cancellation", "deletion"]


def settings_of(url: str, directory: Path) -> Settings:
    flags = {"destination": f"duckdb:///{directory / 'warehouse.duckdb'}"}
    return load(flags, environ(url), directory, directory)


def flown(url: str, directory: Path, **given: Any) -> list[str]:
    steps = canary(settings_of(url, directory), look_every_s=0.05, wait_s=120.0, **given)
    return [f"{step.name}: {step.what}" for step in steps]


def asked(directory: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(directory / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("use ordergroove")
        return connection.execute(sql).fetchall()


def live_of(shop: Shop, order_id: str = "canary-") -> list[bool]:
    rows = shop.tables["subscriptions"].values()
    return [row["live"] for row in rows if row["merchant_order_id"].startswith(order_id)]


def test_the_canary_flies_there_and_back_at_a_server_that_it_does_not_know(tmp_path: Path) -> None:
    with another(unseen=1) as (url, shop):
        steps = flown(url, tmp_path)

    assert [step.partition(":")[0] for step in steps] == STEPS
    assert "subscription S4, order O4 and item I4" in steps[2]
    assert live_of(shop) == [False]
    assert shop.paths == ["/subscription/create", "/subscription/create/"]
    assert asked(tmp_path, "select state, request_id, customer from purchase_requests") == [
        ("created", "4711", CUSTOMER)
    ]
    gone = "select public_id from items where _deleted_at is not null"
    assert asked(tmp_path, gone) == [("I4",)]


def test_a_lost_answer_there_ends_with_one_subscription(tmp_path: Path) -> None:
    with another(drops=1, redirects=False) as (url, shop):
        steps = flown(url, tmp_path, keep=True)

    assert "duplicate, sent 2 times" in steps[1]
    assert live_of(shop) == [True]
    assert len(shop.taken) == 1


def test_a_time_out_after_sending_ends_with_one_subscription() -> None:
    with another(holds=threading.Event()) as (url, shop):
        client = Purchases(base_url=url, key=KEY, read_timeout_s=1.0, retry_limit_s=120.0)
        try:
            outcome = client.send(purchase_of("m-1", "once", "77", "SKU-77"))
        finally:
            client.close()

    assert outcome.state is State.DUPLICATE
    assert outcome.sends >= 2
    assert shop.taken == ["once"]
    assert live_of(shop, "once") == [True]


def test_a_207_names_the_line_that_failed_and_what_was_made() -> None:
    with another(refused=("faux",)) as (url, shop):
        client = Purchases(base_url=url, key=KEY, read_timeout_s=60.0)
        wish = purchase_of("m-1", "both", "77", "SKU-77")
        wish["products"].append({**wish["products"][0], "product": "faux"})
        try:
            outcome = client.result(client.send(wish), lines=2)
        finally:
            client.close()

    assert (outcome.state, outcome.status, outcome.sends) == (State.PARTIAL, 207, 1)
    assert outcome.subscriptions == (("77", "S4"),)
    assert outcome.errors == (
        "subscriptions.product: faux",
        "subscriptions.subscription.quantity: no",
    )
    assert shop.asked == 0


def test_what_was_made_in_part_is_cancelled(tmp_path: Path) -> None:
    with another(unseen=0) as (url, shop):
        settings = settings_of(url, tmp_path)
        fly = canary(settings, look_every_s=0.05, wait_s=120.0)
        assert next(fly).name == "sync before"
        told = shop.result

        def with_errors() -> tuple[int, Any]:
            status, outcome = told()
            return status, outcome | {"errors": {"payment": ["odd"]}}

        shop.result = with_errors  # type: ignore[method-assign]
        with pytest.raises(Unseen, match="payment: odd") as caught:
            next(fly)

    assert caught.value.state == "Its subscription S4 is cancelled."
    assert live_of(shop) == [False]
    assert asked(tmp_path, "select state, errors from purchase_requests") == [
        ("partial", '["payment: odd"]')
    ]
