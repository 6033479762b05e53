"""Deletions in small: keys of tombstones, the cap, what counts as an answer, what a run says."""

import json

import httpx
import pendulum
import pytest

from pipelines.ordergroove.deletions.proof import Case, TooManyGone, Unproven, prove
from pipelines.ordergroove.report import as_json, summary
from pipelines.ordergroove.run import Progress, Run
from sources.ordergroove.client import Client, Tally
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import Transient
from state.ordergroove.ledger import DONE
from state.ordergroove.tombstones import NOT_FOUND, Key, key_of, record_key
from state.ordergroove.watermark import Position, Window

NOW = pendulum.datetime(2026, 6, 10, 14)
ORDERS = ENTITIES["orders"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("orders", ("0a1b",)),
        ("customers", ('["x", 1]',)),
        ("product_groups", ("a, b", 'c"')),
        ("cancel_reasons", ("app", 4)),
    ],
)
def test_a_tombstone_leads_back_to_the_key_it_was_made_of(name: str, key: Key) -> None:
    assert key_of(ENTITIES[name], record_key(key)) == key


@pytest.mark.parametrize(
    ("gone", "open_rows", "too_much"),
    [(20, 20, False), (21, 84, False), (21, 83, True), (21, 0, True), (2_500, 10_000, False)],
)
def test_more_than_twenty_and_more_than_a_quarter_is_too_much(
    gone: int, open_rows: int, too_much: bool
) -> None:
    case = Case(entity=ORDERS, candidates=(), open_rows=open_rows)
    assert case.is_too_much(gone) is too_much
    assert not Case(
        entity=ORDERS, candidates=(), open_rows=open_rows, is_accepted=True
    ).is_too_much(gone)


def answering(statuses: dict[str, int]) -> Client:
    """A client of a server that answers for each order with this status, else 200."""

    def answer(request: httpx.Request) -> httpx.Response:
        key = request.url.path.strip("/").rpartition("/")[2]
        shown = {"other": "elsewhere"}.get(key, key)
        return httpx.Response(statuses.get(key, 200), json={"public_id": shown})

    return Client(
        base_url="https://sandbox.test",
        key="a-key",
        back_off_s=0.0,
        retry_limit_s=0.01,
        transport=httpx.MockTransport(answer),
    )


def asked(statuses: dict[str, int], *keys: str, controls: tuple[str, ...] = ("there",)) -> Case:
    case = Case(
        entity=ORDERS,
        candidates=[(key,) for key in keys],
        open_rows=100,
        controls=[(ORDERS, (key,)) for key in controls],
    )
    client = answering(statuses)
    try:
        prove(case, client, Tally(), lambda: None)
    finally:
        client.close()
    return case


def test_only_a_404_buries_and_only_the_record_itself_lives() -> None:
    case = asked({"gone": 404, "odd": 410, "bad": 400}, "alive", "bad", "gone", "odd", "other")

    assert [(row["record_key"], row["evidence"]) for row in case.gone] == [("gone", NOT_FOUND)]
    assert [page.records[0]["public_id"] for page in case.alive] == ["alive"]
    # 410, 400, and an answer that is another record
    assert case.left == 3


def test_without_a_control_that_answers_nothing_is_proven() -> None:
    with pytest.raises(Unproven, match="nothing that it does not find counts"):
        asked({"gone": 404, "one": 404, "two": 404}, "gone", controls=("one", "two"))
    assert asked({"gone": 404, "one": 404}, "gone", controls=("one", "two")).gone


def test_a_server_in_trouble_is_no_proof() -> None:
    with pytest.raises(Transient):
        asked({"gone": 503}, "gone")


def test_the_asking_ends_when_too_much_is_gone() -> None:
    keys = [f"k{number:03}" for number in range(100)]
    with pytest.raises(TooManyGone, match="more than a quarter"):
        asked(dict.fromkeys(keys, 404), *keys)


def test_a_run_tells_what_was_deleted_and_what_could_not_be_proven() -> None:
    window = Window(since=NOW.subtract(days=1), opened_at=NOW, fingerprint="", spans=())
    orders = Progress(entity=ORDERS, before=Position(), status=DONE, window=window)
    orders.rows, orders.deleted, orders.sweep = 412, 3, Tally(requests=9)
    run = Run(started_at=NOW, command="sync", zone="UTC", progress={"orders": orders})
    assert summary(run) == "orders: 412 changed, 3 deleted since yesterday 14:00 UTC"
    assert run.exit_code() == 0
    orders.rows = 0
    assert summary(run) == "orders: 3 deleted since yesterday 14:00 UTC"

    run.capped = TooManyGone("Too many.", "Look.", "None marked.")
    assert (run.exit_code(), "Too many." in summary(run)) == (5, True)
    run.unproven.append(Unproven("No control.", "Wait.", "None marked."))
    assert (run.exit_code(), "No control." in summary(run)) == (3, True)
    told = json.loads(json.dumps(as_json(run)))
    assert told["deletions_capped"]["what"] == "Too many."
    assert told["deletions_unproven"][0]["what"] == "No control."
    assert (told["entities"][0]["deleted"], told["entities"][0]["sweep_requests"]) == (3, 9)
