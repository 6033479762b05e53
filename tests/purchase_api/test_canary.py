"""The canary against the sandbox over HTTP: in, seen, cancelled, gone."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.ordergroove.purchasing.canary import (
    Unseen,
    canary,
    refuse_production,
)
from pipelines.ordergroove.purchasing.wish import CUSTOMER, purchase_of
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.errors import ConfigError, OrdergrooveError
from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.stories.stage import Stage, staged

STEPS = ["sync before", "purchase", "arrival", "cancellation", "deletion"]


def world() -> World:
    return World(seed=3, customers=4, days=30, alive=False)


def settings_of(stage: Stage, **more: str) -> Settings:
    return stage.settings(environment="staging", purchase_url=stage.url, **more)


def flown(stage: Stage, settings: Settings | None = None, **more: Any) -> list[str]:
    given = {"look_every_s": 0.05, "wait_s": 30.0} | more
    return [step.name for step in canary(settings or settings_of(stage), **given)]


def requests_in(stage: Stage) -> list[tuple[Any, ...]]:
    return stage.query("select state, sends, customer, environment, errors from purchase_requests")


def test_the_command_follows_the_purchase_in_and_out(tmp_path: Path) -> None:
    with staged(Sandbox(world()), tmp_path) as stage:
        done = stage.command(
            *("canary", "--environment", "staging", "--purchase-url", stage.url, "--json")
        )
        assert done.returncode == 0, done.stderr
        steps = json.loads(done.stdout)
        rows = stage.query("select live, merchant_order_id from subscriptions")
        (bought,) = [row for row in rows if str(row[1]).startswith("canary-")]
        gone = stage.query("select count(*) from items where _deleted_at is not null")

    assert [step["step"] for step in steps] == STEPS
    assert all(step["took_s"] >= 0 for step in steps)
    assert CUSTOMER in steps[2]["what"]
    assert bought[0] is False
    assert gone == [(1,)]
    assert requests_in(stage) == [("created", 1, CUSTOMER, "staging", "[]")]
    assert "sandbox-key" not in done.stdout + done.stderr


def test_a_lost_answer_ends_with_one_subscription_and_says_so(tmp_path: Path) -> None:
    faults = [Fault(kind="reset", entity="purchase", nth=1)]
    with staged(Sandbox(world(), faults=faults), tmp_path) as stage:
        steps = list(canary(settings_of(stage), look_every_s=0.05, wait_s=30.0))
        bought = [
            row
            for row in stage.world.rows("subscriptions")
            if str(row.record["merchant_order_id"]).startswith("canary-")
        ]

    assert [step.name for step in steps] == STEPS
    assert "sent 2 times" in steps[1].what
    assert len(bought) == 1
    assert requests_in(stage)[0][:2] == ("duplicate", 2)


def test_kept_it_stays_live(tmp_path: Path) -> None:
    with staged(Sandbox(world()), tmp_path) as stage:
        assert flown(stage, keep=True) == STEPS[:3]
        live = stage.query("select live from subscriptions where merchant_order_id like 'canary-%'")
    assert live == [(True,)]


@pytest.mark.parametrize("status", [0, 207])
def test_a_line_that_failed_is_told_and_written_down(tmp_path: Path, status: int) -> None:
    with staged(Sandbox(world(), rules=Rules(partial_status=status)), tmp_path) as stage:
        with pytest.raises(Unseen, match="faux does not exist"):
            flown(stage, product="faux")
        ((state, _, _, _, errors),) = requests_in(stage)

    assert state in ("refused", "partial")
    assert "faux" in errors


def test_what_does_not_arrive_is_told(tmp_path: Path) -> None:
    # taken by another merchant's books than those that are read
    with staged(Sandbox(world()), tmp_path) as stage:
        other = Sandbox(world())
        with staged(other, tmp_path / "other") as elsewhere:
            settings = replace(settings_of(stage), purchase_url=elsewhere.url)
            with pytest.raises(Unseen, match="did not arrive") as caught:
                flown(stage, settings, wait_s=0.2)
    assert "nothing of it was seen" in caught.value.what
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("kind", ["404", "302", "401"])
def test_a_server_that_takes_no_purchases_is_told(tmp_path: Path, kind: str) -> None:
    faults = [Fault(kind=kind, entity="purchase")]
    with staged(Sandbox(world(), faults=faults), tmp_path) as stage:
        with pytest.raises(OrdergrooveError) as caught:
            flown(stage, settings_of(stage, retry_limit="0.2s"), wait_s=0.2)
        rows = requests_in(stage)
    assert caught.value.do
    assert [(row[0], bool(row[4])) for row in rows] == [("refused", True)]


@pytest.mark.parametrize(
    ("environment", "base_url", "purchase_url"),
    [
        ("production", None, None),
        ("production", "http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("staging", "https://restapi.ordergroove.com", "http://127.0.0.1:1"),
        ("staging", "http://127.0.0.1:1", "https://sc.ordergroove.com"),
        ("staging", "http://127.0.0.1:1", None),
        ("staging", None, "http://127.0.0.1:1"),
    ],
)
def test_production_is_refused_before_a_single_request(
    tmp_path: Path, environment: str, base_url: str | None, purchase_url: str | None
) -> None:
    with staged(Sandbox(world()), tmp_path) as stage:
        settings = replace(
            settings_of(stage),
            environment=environment,
            base_url=base_url,
            purchase_url=purchase_url,
        )
        with pytest.raises(ConfigError) as caught:
            flown(stage, settings)
    assert caught.value.state == "Nothing was sent."
    assert stage.sandbox.calls == []
    assert not stage.file.exists()


def test_staging_by_itself_is_taken(tmp_path: Path) -> None:
    with staged(Sandbox(world()), tmp_path) as stage:
        settings = replace(settings_of(stage), base_url=None, purchase_url=None)
    refuse_production(settings)
    assert settings.purchase_host == "https://staging.sc.ordergroove.com"


def test_no_card_and_no_near_order_are_sent() -> None:
    wish = purchase_of("m", "o", "p", "s")
    assert not {name for name in wish["payment"] if name.startswith("cc_")}
    place = datetime.fromisoformat(
        wish["products"][0]["subscription_info"]["first_order_place_date"]
    )
    assert (place.replace(tzinfo=UTC) - datetime.now(UTC)).days >= 55
    assert len(wish["user"]["shipping_address"]["country_code"]) == 2
