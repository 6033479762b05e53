"""The receiver and its inbox: what is answered with success is on disk, once."""

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.ordergroove.values import Secret
from pipelines.ordergroove.webhooks import receiver as receiving
from pipelines.ordergroove.webhooks.inbox import Inbox, InboxUnreachable, inbox_at, server_url
from pipelines.ordergroove.webhooks.receiver import Receiver
from pipelines.ordergroove.webhooks.replay import replay
from pipelines.ordergroove.webhooks.tail import as_json, as_text, lines
from pipelines.ordergroove.webhooks.values import InboxAddress
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.webhooks.events import Letter, letter_of
from tests.stories.post import KEY, delivery, signed

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMIT = 10_000


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    made = inbox_at(InboxAddress(file=tmp_path / "inbox" / "webhooks.sqlite"))
    yield made
    made.close()


@pytest.fixture
def receiver(inbox: Inbox) -> Iterator[Receiver]:
    made = Receiver(inbox, keys=[b"another", KEY.encode()], tolerance_s=300, body_limit=LIMIT)
    yield made
    made.close()


def ask(
    app: Receiver, talk: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await talk(client)

    return asyncio.run(run())


def post(app: Receiver, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    headers = signed(body) if headers is None else headers
    return ask(app, lambda client: client.post("/ordergroove", content=body, headers=headers))


def stored(inbox: Inbox) -> list[str]:
    """The ids of the events in the inbox."""
    bodies = inbox.bodies([one.seq for one in inbox.index()])
    return sorted(json.loads(body)["id"] for body in bodies.values())


def test_a_signed_event_is_kept_and_a_second_delivery_changes_nothing(
    receiver: Receiver, inbox: Inbox
) -> None:
    first, second = (post(receiver, delivery(total=n)) for n in (1, 2))

    assert (first.status_code, first.json()) == (200, {"event": "stored"})
    assert (second.status_code, second.json()) == (200, {"event": "known"})
    assert inbox.bodies([1]) == {1: delivery(total=1)}
    assert len(inbox.index()) == 1


def test_a_body_is_kept_as_it_was_received(receiver: Receiver, inbox: Inbox) -> None:
    body = b'{ "id" : "e",\n"type":"planet.moved", "name":"Zo\xc3\xab" }\n'

    assert post(receiver, body).status_code == 200
    assert list(inbox.bodies([1]).values()) == [body]


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (delivery(), {}, 401, "no OrderGroove-Signature"),
        (delivery(), signed(delivery(), key="guess"), 401, "no signature matches"),
        (delivery(), signed(delivery(), ts=1_000_000_000), 401, "s ago"),
        (b"no json", None, 400, "no JSON"),
        (b"{}", None, 400, "no id"),
        (b"[" * 9_000, None, 400, "too deeply"),
        (delivery(note="x" * LIMIT), None, 413, "10,000 bytes"),
    ],
)
def test_what_is_not_taken_is_told_why_and_not_kept(
    receiver: Receiver,
    inbox: Inbox,
    body: bytes,
    headers: dict[str, str] | None,
    status: int,
    reason: str,
) -> None:
    answer = post(receiver, body, headers)

    assert answer.status_code == status
    assert reason in answer.json()["error"]
    assert inbox.index() == []


def test_a_body_without_a_length_is_cut_off_at_the_limit(receiver: Receiver) -> None:
    sent: list[int] = []

    async def endless() -> Any:
        while True:
            sent.append(1_000)
            yield b"x" * 1_000

    answer = ask(receiver, lambda client: client.post("/", content=endless()))

    assert answer.status_code == 413
    assert sum(sent) <= 2 * LIMIT


def test_deliveries_come_by_post(receiver: Receiver) -> None:
    answer = ask(receiver, lambda client: client.get("/"))

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_health_is_that_of_the_inbox(tmp_path: Path, receiver: Receiver) -> None:
    assert ask(receiver, lambda client: client.get("/healthz")).json() == {"status": "ok"}

    (tmp_path / "file").write_text("no database", "utf-8")
    broken = Receiver(
        inbox_at(InboxAddress(file=tmp_path / "file")), keys=[b"k"], tolerance_s=0, body_limit=LIMIT
    )
    answer = ask(broken, lambda client: client.get("/healthz"))
    broken.close()

    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text


def test_an_event_that_cannot_be_kept_is_to_be_sent_again(
    receiver: Receiver, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(receiver, delivery(1)).status_code == 200
    monkeypatch.setattr(receiving, "KEEP_LIMIT_S", 0.3)
    holder = sqlite3.connect(tmp_path / "inbox" / "webhooks.sqlite", isolation_level=None)
    holder.execute("begin immediate")

    refused = post(receiver, delivery(2))
    holder.execute("rollback")
    holder.close()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    monkeypatch.undo()
    assert post(receiver, delivery(2)).status_code == 200
    assert stored(inbox) == ["evt_000001", "evt_000002"]


def test_a_full_disk_is_a_503_and_no_event_is_lost_by_it(receiver: Receiver, inbox: Inbox) -> None:
    assert post(receiver, delivery(1)).status_code == 200
    with inbox.engine.connect() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar()

    def bounded(connection: Any, record: Any, proxy: Any) -> None:
        connection.execute(f"pragma max_page_count = {pages}")

    sa.event.listen(inbox.engine, "checkout", bounded)
    large = delivery(2, note="x" * 9_000)

    assert post(receiver, large).status_code == 503
    assert stored(inbox) == ["evt_000001"]

    sa.event.remove(inbox.engine, "checkout", bounded)
    sa.event.listen(
        inbox.engine, "checkout", lambda c, r, p: c.execute("pragma max_page_count = 100000")
    )
    assert post(receiver, large).status_code == 200


def test_neither_body_nor_signature_nor_key_is_logged(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = delivery(data={"object": {"public_id": "o", "email": "zoe@example.com"}})
    post(receiver, body)
    post(receiver, body, {"OrderGroove-Signature": "ts=1,sig=c0ffee"})
    post(receiver, b'{"id":"new\\nline","type":"\\u001b[31m"}')

    told = caplog.text
    assert "evt_000001, order.success: stored" in told
    assert "401: no signature matches" in told
    assert not [secret for secret in ("zoe", "c0ffee", KEY, "\x1b", "new\nline") if secret in told]


def test_a_sender_that_hangs_up_is_not_answered(receiver: Receiver, inbox: Inbox) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(receiver(scope, receive, send))

    assert sent == []
    assert inbox.index() == []


def test_the_receiver_can_be_started_and_ended_by_its_server(inbox: Inbox) -> None:
    app = Receiver(inbox, keys=[b"k"], tolerance_s=0, body_limit=LIMIT)
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert not app.writer.thread.is_alive()


headers = st.dictionaries(
    st.sampled_from(["OrderGroove-Signature", "Content-Type", "X-Other"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=200), given=headers)
def test_no_header_and_no_body_makes_the_receiver_stumble(
    receiver: Receiver, body: bytes, given: dict[str, str]
) -> None:
    assert post(receiver, body, given).status_code == 401
    assert post(receiver, body).status_code in (200, 400)


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> InboxAddress:
    """An inbox that nobody has used, on each engine."""
    if request.param == "sqlite":
        return InboxAddress(file=tmp_path / "inbox.sqlite")
    url = request.getfixturevalue(f"{request.param}_url")
    if request.param == "mariadb":
        server = request.getfixturevalue("mariadb_server")
        with server.connect() as connection:
            connection.cursor().execute(f"create database {url.rpartition('/')[2]}")
    return InboxAddress(url=Secret(url))


def test_several_receivers_share_one_inbox(address: InboxAddress) -> None:
    shared = [inbox_at(address) for _ in range(4)]
    letters = [letter_of(delivery(number)) for number in range(200)]
    new: list[int] = []

    def bring(inbox: Inbox) -> None:
        slices = (letters[start : start + 20] for start in range(0, len(letters), 20))
        new.extend(len(inbox.put(some, AT)) for some in slices)

    threads = [threading.Thread(target=bring, args=(one,)) for one in shared]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(new) == 40
    assert stored(shared[0]) == sorted(f"evt_{number:06}" for number in range(200))
    for one in shared:
        one.close()


def test_an_inbox_does_the_same_on_every_engine(address: InboxAddress) -> None:
    body = b'{"id":"e\xc3\xab","note":"\x00\xff' + b"x" * 3_000_000 + b'"}'
    letter = Letter(event_id="e", event_type="", body=body)
    inbox = inbox_at(address)

    assert inbox.put([letter, letter], AT) == {letter.digest}
    assert inbox.put([letter, letter_of(delivery(1))], AT + timedelta(seconds=1)) == {
        letter_of(delivery(1)).digest
    }
    first, second = inbox.index()
    assert (first.digest, first.received_at, first.loaded_at) == (letter.digest, AT, None)
    assert inbox.bodies([first.seq, second.seq, 999]) == {
        first.seq: body,
        second.seq: delivery(1),
    }
    inbox.mark_loaded([first.seq], AT + timedelta(microseconds=1))
    assert inbox.index()[0].loaded_at == AT + timedelta(microseconds=1)
    assert [one.seq for one in inbox.latest(1)] == [second.seq]
    assert inbox.waiting() == (1, AT + timedelta(seconds=1), AT + timedelta(seconds=1))
    assert inbox.clear(AT + timedelta(hours=1)) == 1
    assert [one.seq for one in inbox.index()] == [second.seq]
    inbox.close()


def test_whoever_looks_how_much_waits_makes_no_table(address: InboxAddress) -> None:
    inbox = inbox_at(address)

    assert inbox.waiting() == (0, None, None)
    assert not sa.inspect(inbox.engine).has_table("ordergroove_inbox")

    inbox.put([letter_of(delivery(1))], AT)
    inbox.put([letter_of(delivery(2))], AT + timedelta(hours=1))
    assert inbox.waiting() == (2, AT, AT + timedelta(hours=1))
    inbox.mark_loaded([one.seq for one in inbox.index()], AT)
    assert inbox.waiting() == (0, None, AT + timedelta(hours=1))
    inbox.close()


def test_a_commit_is_on_disk_before_it_is_told(inbox: Inbox) -> None:
    inbox.look()
    with inbox.engine.connect() as connection:
        told = [connection.exec_driver_sql(f"pragma {name}").scalar() for name in PRAGMAS]
    assert told == [*PRAGMAS.values()]


PRAGMAS = {"journal_mode": "wal", "synchronous": 2}
"""`synchronous` 2 is FULL: in WAL mode the log is synced at each commit."""


def test_what_was_loaded_is_cleared_away_after_a_while(inbox: Inbox) -> None:
    inbox.put([letter_of(delivery(number)) for number in range(3)], AT)
    inbox.mark_loaded([1], AT)
    inbox.mark_loaded([1, 2], AT + timedelta(days=1))

    assert inbox.clear(AT + timedelta(hours=1)) == 1
    assert [one.seq for one in inbox.index()] == [2, 3]
    assert inbox.clear(AT + timedelta(days=99)) == 1
    assert [one.loaded_at for one in inbox.index()] == [None]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (delivery(1), (1, 0, 0)),
        (delivery(1) + b"\n\n" + delivery(2) + b"\n" + delivery(1), (2, 1, 0)),
        (b"[" + delivery(1) + b"," + delivery(2) + b"]", (2, 0, 0)),
        (b"\xef\xbb\xbf" + delivery(1), (1, 0, 0)),
        (delivery(1) + b"\nnonsense\n{}\n", (1, 0, 2)),
        (b'[1, {"id": "e"}]', (1, 0, 1)),
    ],
)
def test_a_file_of_events_is_replayed(
    inbox: Inbox, text: bytes, counts: tuple[int, int, int]
) -> None:
    found = replay(inbox, text)

    assert (found.stored, found.known, len(found.refused)) == counts
    assert len(inbox.index()) == counts[0]
    assert not [reason for reason in found.refused if "nonsense" in reason]


def test_a_file_without_events_is_an_error(inbox: Inbox) -> None:
    for text in (b"", b"[]", b" \n"):
        with pytest.raises(ConfigError, match="no events"):
            replay(inbox, text)


def test_a_row_of_the_table_is_replayed_as_the_event_it_was(inbox: Inbox) -> None:
    event = json.loads(delivery(7))
    row = {"event_id": "evt_000007", "payload": event, "snapshot": {"orders": [1]}}
    texts = {"event_id": "x", "payload": json.dumps(event | {"id": "x"}), "snapshot": None}

    replay(inbox, json.dumps([row, texts]).encode())

    first, second = (json.loads(body) for body in inbox.bodies([1, 2]).values())
    assert {**first, **second} == {**event, "id": second["id"], "snapshot": second["snapshot"]}
    assert sorted([first["id"], second["id"]]) == ["evt_000007", "x"]
    assert {"orders": [1]} in (first["snapshot"], second["snapshot"])


def test_the_tail_shows_what_and_when_and_nothing_else(inbox: Inbox) -> None:
    inbox.put([letter_of(delivery(1, email="zoe@example.com"))], AT)
    inbox.put([letter_of(delivery(2))], AT)
    inbox.mark_loaded([1], AT)

    first, second = lines(inbox, 10)

    assert as_text(first).split() == [
        "2026-01-01T12:00:00Z", "loaded", "order.success", "ord_1", "evt_000001",
    ]  # fmt: skip
    assert "waiting" in as_text(second)
    assert as_json(first)["loaded_at"] == "2026-01-01T12:00:00+00:00"
    assert "zoe" not in f"{as_json(first)}"
    assert lines(inbox, 1) == [second]
    assert lines(inbox, 10, after=2) == []


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "mysql", "mariadb"])
def test_an_inbox_on_a_server_that_is_not_there_is_a_message_without_the_password(
    scheme: str,
) -> None:
    address = InboxAddress(url=Secret(f"{scheme}://me:s3cr3t@127.0.0.1:1/db"))
    inbox = inbox_at(address)

    with pytest.raises(InboxUnreachable) as caught:
        inbox.put([letter_of(delivery())], AT)

    told = str(caught.value)
    assert "me@127.0.0.1" in told
    assert len(told.splitlines()) == 3
    assert "s3cr3t" not in f"{told} {address}"


def test_a_driver_that_was_chosen_stays() -> None:
    assert server_url("mysql+mysqldb://h/d").drivername == "mysql+mysqldb"
