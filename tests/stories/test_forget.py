"""A customer who is forgotten is nowhere any more, stays so, and leaves the money behind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from pipelines.ordergroove.files.found import found_here
from pipelines.ordergroove.files.load import load
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.privacy.forget import forget
from pipelines.ordergroove.purchasing.purchases import write_down
from pipelines.ordergroove.warehouse import opened, scratch_in
from pipelines.ordergroove.webhooks.inbox import opened_inbox
from pipelines.ordergroove.webhooks.replay import replay
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.purchase.outcome import Outcome, State
from sources.ordergroove.sandbox import Rules, Sandbox, World
from tests.graphql_api.enriching import synced_and_enriched
from tests.stories.post import delivery
from tests.stories.stage import Stage, staged

EMAIL = "emma.only@example.test"
SUM = "select sum(total), count(*), count(distinct customer) from {}"


@pytest.fixture
def stage(destination: str, tmp_path: Path) -> Iterator[Stage]:
    with merchant(tmp_path, destination) as made:
        yield made


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Stage]:
    with merchant(tmp_path) as made:
        yield made


def merchant(directory: Path, destination: str | None = None) -> Any:
    world = World(seed=6, customers=8, zone="America/New_York", days=30)
    sandbox = Sandbox(world, rules=Rules(is_ticking=True))
    return staged(sandbox, directory, destination=destination)


def person(stage: Stage) -> str:
    """A customer with orders, whose id and address are like no other text."""
    customer = str(stage.world.truth("orders")[-1]["customer"])
    stage.world.edit("customers", customer, email=EMAIL)
    return customer


def put(stage: Stage, number: int, **changed: Any) -> None:
    with opened_inbox(stage.settings().inbox) as inbox:  # type: ignore[arg-type]
        assert replay(inbox, delivery(number, **changed)).stored == 1


def of_person(stage: Stage, number: int, customer: str) -> None:
    inner = {"merchant_user_id": customer, "email": EMAIL, "type": "subscriber"}
    context = {"actor": {"type": "customer", "customer": {"merchant_user_id": customer}}}
    given = {"object": inner, "context": context}
    put(stage, number, type="subscriber.create", data=given)


def everything(stage: Stage) -> str:
    """Every value of every table, and every letter of the inbox, as one text."""
    found: list[Any] = []
    with opened(stage.settings()) as warehouse:
        tables = sorted(name for name in warehouse.tables() if not name.startswith("_dlt"))
        found += [warehouse.rows(f"select * from {warehouse.table(name)}") for name in tables]
    with opened_inbox(stage.settings().inbox) as inbox:  # type: ignore[arg-type]
        found += [*inbox.bodies([one.seq for one in inbox.index()]).values()]
    return repr(found)


def answer(stage: Stage, sql: str, table: str) -> list[tuple[Any, ...]]:
    with opened(stage.settings()) as warehouse:
        return warehouse.rows(sql.format(warehouse.table(table)))


def test_a_forgotten_customer_is_nowhere_and_stays_so(stage: Stage) -> None:
    customer = person(stage)
    of_person(stage, 1, customer)
    stage.sync(history="all")
    stage.world.edit("customers", customer, first_name="Emma Again")
    stage.sync(history="all")
    of_person(stage, 2, customer)
    money = answer(stage, SUM, "orders")
    before = everything(stage)
    assert all(text in before for text in (customer, EMAIL, "Emma Again"))

    erased = forget(stage.settings(), customer)

    assert erased.counts["orders"] > 0
    found = [erased.counts[name] for name in ("customers", "customers_history", "webhook_events")]
    assert (found, erased.letters) == ([1, 2, 1], 2)
    gone = (f"'{customer}'", f'"{customer}"', EMAIL, "Emma Again")
    assert not [text for text in gone if text in everything(stage)]
    assert answer(stage, SUM, "orders") == money
    ((versions,),) = answer(stage, "select count(*) from {}", "customers_history")

    stage.world.advance(hours=1)
    stage.world.edit("customers", customer, first_name="Emma Thrice")
    of_person(stage, 3, customer)
    run = stage.sync(history="all", ask=Ask(full_refresh=True))

    assert run.exit_code() == 0
    assert "still shows personal data of 1 customer" in " ".join(run.notes)
    assert not [text for text in (*gone, "Emma Thrice") if text in everything(stage)]
    assert answer(stage, SUM, "orders") == money
    assert answer(stage, "select count(_deleted_at) from {}", "customers") == [(0,)]
    # the stamp of the change is no personal data
    assert answer(stage, "select count(*) from {}", "customers_history") == [(versions + 1,)]


HEADS = {
    "orders": "merchant_user_id,ordergroove_order_id,email_address,coupon_note",
    "crm_subscription": "og_subscription_id,customer_email,customer_id,sku",
}


def daily_files(stage: Stage, day: int, customer: str, subscription: str) -> None:
    """Reports of one day that speak of the customer and of another one, and a row too wide."""
    place = stage.directory / "outgoing"
    place.mkdir(exist_ok=True)
    rows = {
        "orders": [f"{customer},1,{EMAIL},for Emma", "other,2,o@x.test,-", f"{customer},3,a,b,c,d"],
        "crm_subscription": [f"{subscription},{EMAIL},e1,S-1", "unknown,o@x.test,o1,S-2"],
    }
    for report, lines in rows.items():
        file = place / f"shop_{report}_0{day}172025063000.csv"
        file.write_text("\n".join([HEADS[report], *lines, ""]), "utf-8")
    settings = stage.settings()
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        pipeline = warehouse.pipeline(scratch)
        told = load(found_here(place), warehouse, pipeline, now=pendulum.now("UTC"))
    assert (told.files, told.rows, told.rejected, told.refused) == (2, 4, 1, [])


def test_daily_files_graphql_and_purchases_forget_as_well(stage: Stage) -> None:
    customer = person(stage)
    mine = [row.record for row in stage.world.rows("subscriptions")
            if row.record["customer"] == customer]  # fmt: skip
    subscription = str(mine[0]["public_id"])
    stage.world.cancel_subscription(subscription, (1, "because Emma moved"))
    synced_and_enriched(stage)
    daily_files(stage, 1, customer, subscription)
    bought = Outcome(
        merchant_order_id="m1", state=State.CREATED, customer=customer, errors=(EMAIL,)
    )
    now = pendulum.now("UTC")
    write_down(stage.settings(), bought, lines=1, sent_at=now, now=now)
    before = everything(stage)
    assert all(text in before for text in ("because Emma moved", "for Emma", "'e1'", EMAIL))

    erased = forget(stage.settings(), customer)

    names = ("sftp_orders", "sftp_crm_subscription", "sftp_rejected_rows", "purchase_requests",
             "subscription_cancel_reasons")  # fmt: skip
    assert [erased.counts[name] for name in names] == [1] * 5
    gone = (f"'{customer}'", f'"{customer}"', EMAIL, "Emma", "'e1'")
    assert not [text for text in gone if text in everything(stage)]
    assert "o@x.test" in everything(stage)
    assert answer(stage, "select count(*) from {}", "sftp_orders") == [(2,)]
    again = forget(stage.settings(), customer)
    assert again.is_nothing

    stage.world.advance(hours=5)
    stage.world.reactivate(subscription)
    stage.world.cancel_subscription(subscription, (1, "because Emma moved once more"))
    assert synced_and_enriched(stage).records > 0
    daily_files(stage, 2, customer, subscription)
    assert not [text for text in gone if text in everything(stage)]
    rows = answer(stage, "select reason from {}", "subscription_cancel_reasons")
    assert (None,) in rows


def test_what_ordergroove_has_redacted_is_not_reported(local: Stage) -> None:
    customer = person(local)
    local.sync()
    forget(local.settings(), customer)
    redacted = dict.fromkeys(("email", "first_name", "last_name", "phone_number", "extra_data",
                              "session_id", "user_token_id"))  # fmt: skip
    local.world.edit("customers", customer, **redacted)
    run = local.sync("customers")
    assert run.notes == []
    assert local.query("select count(*) from customers where email is null") == [(1,)]


def test_a_reconciliation_knows_who_was_forgotten(local: Stage) -> None:
    customer = person(local)
    local.sync()
    forget(local.settings(), customer)
    done = local.command("reconcile", "customers", "orders", "--deep", "--fix")
    assert done.returncode == 0, done.stdout + done.stderr
    assert local.query("select count(*) from customers where _deleted_at is not null") == [(0,)]
    assert EMAIL not in everything(local)


def test_the_record_tells_that_it_was_done_and_not_to_whom(local: Stage) -> None:
    customer = person(local)
    local.sync()
    done = local.command("forget", customer, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["customers"] == 1
    assert customer not in done.stdout + done.stderr
    ((name, salt),) = local.query("select person, salt from forgotten")
    assert local.query(f"select count(*) from customers where merchant_user_id = '{name}'") == [
        (1,)
    ]
    assert customer not in name + salt
    again = local.command("forget", customer)
    assert (again.returncode, "nothing was left" in again.stdout) == (0, True)
    assert local.query("select count(*) from forgotten") == [(1,)]


def test_a_customer_whom_nobody_knows_is_a_message(local: Stage) -> None:
    local.sync("customers")
    with pytest.raises(ConfigError, match="names that customer"):
        forget(local.settings(), "nobody")
    assert "forgotten" not in local.tables()
