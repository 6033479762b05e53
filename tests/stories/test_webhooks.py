"""Webhooks from the wire to the table: load, kills, losses, doubles."""

import asyncio
import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import httpx
import pendulum
import pytest

from pipelines.ordergroove.webhooks.inbox import inbox_at, opened_inbox
from pipelines.ordergroove.webhooks.receiver import Receiver
from pipelines.ordergroove.webhooks.replay import Replayed, replay
from pipelines.ordergroove.webhooks.values import InboxAddress
from sources.ordergroove.sandbox import (
    DEMO_WEBHOOK_KEY,
    Mischief,
    Sandbox,
    World,
)
from sources.ordergroove.sandbox import (
    Sender as Postman,
)
from sources.ordergroove.sandbox.webhooks import Post
from tests.stories.deeds import something_happens
from tests.stories.post import KEY, delivery, signed
from tests.stories.stage import Stage, assert_true, staged

EVENTS = 2_000
CLIENTS = 2


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    world = World(customers=20, days=60, zone="America/New_York")
    with staged(Sandbox(world), tmp_path_factory.mktemp("webhooks")) as made:
        yield made


@pytest.fixture
def quiet(stage: Stage, tmp_path: Path) -> Stage:
    """The same merchant with a directory of its own."""
    return Stage(stage.sandbox, stage.url, tmp_path)


@contextmanager
def receiving(
    stage: Stage, port: int = 0, key: str = KEY
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`webhooks serve` in a process of its own, and its address; killed at the end."""
    process = stage.start("webhooks", "serve", "--port", str(port), webhook_keys=key)
    reading = threading.Thread(target=process.wait)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Receiving at "), process.communicate()[1]
        # nobody reads what it logs, and a full pipe would stop it
        reading = threading.Thread(target=process.stderr.read if process.stderr else process.wait)
        reading.start()
        yield process, line.split()[2].rstrip(",")
    finally:
        process.kill()
        process.wait()
        if reading.is_alive():
            reading.join()
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


@dataclass
class Sender:
    """Sends each event until it is answered with success, as Ordergroove would."""

    bodies: Sequence[bytes]
    url: str
    answered: dict[int, str] = field(default_factory=dict)

    def once(self, numbers: Sequence[int]) -> None:
        """Each of the events that was not answered with success yet, once; in order."""
        with httpx.Client(trust_env=False, timeout=5) as client:
            for number in numbers:
                if number in self.answered:
                    continue
                body = self.bodies[number]
                try:
                    answer = client.post(self.url, content=body, headers=signed(body))
                except httpx.TransportError:
                    return
                if answer.is_success:
                    self.answered[number] = answer.json()["event"]

    def all(self) -> None:
        """All events, by two clients at the same time."""
        numbers = range(len(self.bodies))
        threads = [
            threading.Thread(target=self.once, args=(numbers[one::CLIENTS],))
            for one in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def ids_in(file: Path) -> list[str]:
    inbox = inbox_at(InboxAddress(file=file))
    bodies = inbox.bodies([one.seq for one in inbox.index()])
    inbox.close()
    return sorted(json.loads(body)["id"] for body in bodies.values())


def test_a_receiver_that_is_killed_under_load_loses_nothing_that_it_has_answered(
    quiet: Stage,
) -> None:
    bodies = [delivery(number) for number in range(EVENTS)]
    sender = Sender(bodies, "")
    with receiving(quiet) as (process, url):
        sender.url = url

        def kill_in_the_middle() -> None:
            while len(sender.answered) < EVENTS // 2:
                threading.Event().wait(0.01)
            os.kill(process.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_in_the_middle)
        killer.start()
        sender.all()
        killer.join()
        assert process.wait() == -signal.SIGKILL
    answered = {f"evt_{number:06}" for number in sender.answered}
    kept = ids_in(quiet.directory / "webhooks.sqlite")

    assert EVENTS // 2 <= len(answered) < EVENTS
    assert len(kept) == len(set(kept))
    assert answered <= set(kept)
    # at most one event of each client was kept and not answered any more
    assert len(kept) - len(answered) <= CLIENTS

    with receiving(quiet, port=int(sender.url.rpartition(":")[2])):
        sender.all()

    assert len(sender.answered) == EVENTS
    assert ids_in(quiet.directory / "webhooks.sqlite") == [f"evt_{n:06}" for n in range(EVENTS)]


def test_a_receiver_ends_in_good_order_when_it_is_told_to(quiet: Stage) -> None:
    with receiving(quiet) as (process, url):
        Sender([delivery()], url).all()
        process.terminate()

        assert process.wait(timeout=10) == 128 + signal.SIGTERM
    assert ids_in(quiet.directory / "webhooks.sqlite") == ["evt_000001"]


def test_the_sandbox_sends_what_happens_to_a_receiver(quiet: Stage) -> None:
    with receiving(quiet, key=DEMO_WEBHOOK_KEY) as (_, url):
        sandbox = quiet.start("sandbox", "--port", "0", "--customers", "5", "--webhooks", url)
        assert sandbox.stdout is not None
        door = sandbox.stdout.readline().split()[1] + "/_sandbox/do"
        wish = {"deed": "create_customer", "with": {}}
        customer = httpx.post(door, json=wish, trust_env=False).json()["result"]
        wish = {"deed": "subscribe", "with": {"customer": customer}}
        subscription = httpx.post(door, json=wish, trust_env=False).json()["result"]
        tail = quiet.start("webhooks", "tail", "--follow")
        assert tail.stdout is not None
        # should nothing come, its end ends the waiting
        limit = threading.Timer(60, tail.kill)
        limit.start()
        told = [tail.stdout.readline().split() for _ in range(4)]
        limit.cancel()
        for process in (sandbox, tail):
            process.terminate()
            process.communicate()

    assert ["subscription.create", subscription] in [words[2:4] for words in told]
    assert ["subscriber.create", customer] in [words[2:4] for words in told]


def test_a_port_that_is_taken_is_a_message(quiet: Stage) -> None:
    with receiving(quiet) as (_, url):
        port = url.rpartition(":")[2]
        done = quiet.command("webhooks", "serve", "--port", port, webhook_keys=KEY)

    assert done.returncode == 2
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


MISHAPS = {
    "none": Mischief(),
    "lost, doubled, late, shuffled": Mischief(lost=0.3, doubled=0.3, delayed=0.4, shuffled=True),
}


@pytest.mark.parametrize("mishaps", MISHAPS)
def test_whatever_becomes_of_the_events_the_tables_end_as_they_should(
    tmp_path: Path, mishaps: str
) -> None:
    world = World(customers=20, days=60, zone="America/New_York", alive=False)
    dice = random.Random(3)
    with staged(Sandbox(world), tmp_path) as stage:
        stage.sync(*TOLD, now=pendulum.instance(world.now))
        receiver = Receiver(
            inbox_at(InboxAddress(file=tmp_path / "webhooks.sqlite")),
            keys=[DEMO_WEBHOOK_KEY.encode()],
            tolerance_s=0,
            body_limit=100_000,
        )
        sender = Postman(world, straight_to(receiver), mischief=MISHAPS[mishaps])
        for _ in range(ROUNDS):
            something_happens(world, dice, 15)
            world.advance(minutes=10)
            sender.send_due()
            assert stage.sync(*TOLD, now=pendulum.instance(world.now)).exit_code() == 0
            for name in ("orders", "items"):
                live = stage.query(f"select public_id from {name} where _deleted_at is null")
                assert {key for (key,) in live} == {key for (key,) in stage.truth(name)}
        receiver.close()
        assert_true(stage, names=TOLD)
        told = stage.query("select event_id, count(*) from webhook_events group by 1")

    assert sender.attempts >= len(told) > 20
    assert {count for _, count in told} == {1}
    assert {event_id for event_id, _ in told} <= {event["id"] for event in sender.events}


TOLD = ("orders", "items", "subscriptions", "customers")
ROUNDS = 4


def straight_to(receiver: Receiver) -> Post:
    """Delivers without a wire in between."""

    def post(body: bytes, headers: Mapping[str, str]) -> int:
        async def deliver() -> int:
            transport = httpx.ASGITransport(receiver)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return (await client.post("/", content=body, headers=headers)).status_code

        return asyncio.run(deliver())

    return post


def put(stage: Stage, bodies: Sequence[bytes]) -> Replayed:
    """Puts events into the inbox, as `webhooks replay` does."""
    with opened_inbox(InboxAddress(file=stage.directory / "webhooks.sqlite")) as inbox:
        return replay(inbox, b"\n".join(bodies))


def events(stage: Stage, columns: str = "event_id") -> list[tuple[object, ...]]:
    return stage.query(f"select {columns} from webhook_events order by event_id")


def test_events_are_loaded_once_however_often_and_in_whatever_order_they_come(
    quiet: Stage,
) -> None:
    bodies = [delivery(number) for number in range(30)]
    put(quiet, bodies[:10])
    assert "10 new events loaded" in quiet.command("webhooks", "load").stdout
    before = events(quiet, "*")

    shuffled = random.Random(5).sample(bodies * 3, 90)
    put(quiet, shuffled)
    done = quiet.command("webhooks", "load")

    assert "20 new events loaded" in done.stdout, done.stderr
    assert events(quiet) == [(f"evt_{number:06}",) for number in range(30)]
    assert events(quiet, "*")[:10] == before
    # an event that came back after its letter was cleared away is not received anew
    assert quiet.command("webhooks", "load", inbox_keep="0").returncode == 0
    assert ids_in(quiet.directory / "webhooks.sqlite") == []
    put(quiet, bodies)
    assert "0 new events loaded" in quiet.command("webhooks", "load").stdout
    assert events(quiet, "*")[:10] == before


def test_a_load_that_is_killed_anywhere_is_made_good_by_the_next(quiet: Stage) -> None:
    bodies = [delivery(number, note="x" * 400) for number in range(3_000)]
    put(quiet, bodies)
    dice = random.Random(11)
    for _ in range(4):
        process = quiet.start("webhooks", "load")
        try:
            process.communicate(timeout=dice.uniform(0.4, 2.2))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    done = quiet.command("webhooks", "load")

    assert done.returncode == 0, done.stderr
    assert events(quiet) == [(f"evt_{number:06}",) for number in range(3_000)]
    tail = quiet.command("webhooks", "tail", "-n", "3000")
    assert "waiting" not in tail.stdout


def test_every_sync_loads_what_the_receiver_took_in(quiet: Stage) -> None:
    with receiving(quiet) as (_, url):
        Sender([delivery(number) for number in range(4)], url).all()
        done = quiet.command("sync", "customers")

    assert done.returncode == 0, done.stderr
    assert "4 webhook events loaded" in done.stdout
    assert events(quiet) == [(f"evt_{number:06}",) for number in range(4)]


def test_an_inbox_that_cannot_be_read_keeps_no_row_from_being_loaded(quiet: Stage) -> None:
    (quiet.directory / "webhooks.sqlite").write_text("no database at all", "utf-8")

    done = quiet.command("sync", "customers")

    assert done.returncode == 3
    assert "webhooks.sqlite cannot be used" in done.stdout
    assert "Traceback" not in done.stderr
    assert quiet.query("select count(*) from customers") == [(20,)]


def test_a_load_renews_the_read_copy(quiet: Stage) -> None:
    copy = quiet.directory / "copy.duckdb"
    put(quiet, [delivery()])
    given = {"publish": str(copy)}

    assert quiet.command("webhooks", "load", **given).returncode == 0

    with duckdb.connect(str(copy), read_only=True) as connection:
        told = connection.execute("select event_id from ordergroove.webhook_events").fetchall()
    assert told == [("evt_000001",)]
    made = copy.stat().st_mtime_ns
    # nothing new, nothing to copy
    assert quiet.command("webhooks", "load", **given).returncode == 0
    assert copy.stat().st_mtime_ns == made


def test_check_and_status_tell_what_waits_in_the_inbox(quiet: Stage) -> None:
    assert quiet.command("sync", "customers").returncode == 0
    assert "webhooks" not in quiet.command("status").stdout
    assert json.loads(quiet.command("status", "--json").stdout)["inbox"] is None
    put(quiet, [delivery(number) for number in range(3)])

    told = quiet.command("status").stdout
    assert "webhooks: 3 events wait in the inbox, the oldest since 20" in told
    found = json.loads(quiet.command("status", "--json").stdout)["inbox"]
    assert (found["waiting"], found["oldest"]) == (3, found["latest"])
    assert inbox_finding(quiet)["verdict"] == "pass"
    assert "3 events wait in the inbox" in inbox_finding(quiet)["what"]

    quiet.command("webhooks", "load")
    assert "webhooks: everything is loaded; the last event came" in quiet.command("status").stdout
    (quiet.directory / "webhooks.sqlite").write_text("no database at all", "utf-8")
    done = quiet.command("status")
    assert done.returncode == 0
    assert "webhooks.sqlite cannot be used" in done.stdout
    assert inbox_finding(quiet)["verdict"] == "fail"
    assert "Traceback" not in done.stderr


def inbox_finding(stage: Stage) -> dict[str, str]:
    findings = json.loads(stage.command("check", "--json", entities="customers").stdout)
    return next(one for one in findings["findings"] if one["name"] == "inbox")


def test_a_sync_without_webhooks_leaves_no_trace_of_them(quiet: Stage) -> None:
    assert quiet.command("sync", "customers").returncode == 0

    assert not (quiet.directory / "webhooks.sqlite").exists()
    assert quiet.query("select * from duckdb_tables() where table_name = 'webhook_events'") == []


def test_a_load_into_one_warehouse_takes_nothing_from_another(quiet: Stage) -> None:
    file = quiet.directory / "missed.jsonl"
    file.write_bytes(b"\n".join([*map(delivery, range(5)), b"nonsense"]))
    done = quiet.command("webhooks", "replay", str(file))
    assert done.returncode == 3
    assert "5 stored, 0 known already, 1 refused" in done.stdout
    assert "line 6: the body is no JSON" in done.stderr
    other = f"duckdb:///{quiet.directory / 'trial.duckdb'}"

    for destination in (other, f"duckdb:///{quiet.file}"):
        done = quiet.command("webhooks", "load", destination=destination)
        assert "5 new events loaded" in done.stdout, done.stderr


def test_what_stands_in_an_event_stands_in_its_columns(quiet: Stage) -> None:
    body = delivery(
        type="item.remove",
        created=1767225600,
        data={"object": {"type": "item", "public_id": "i1", "price": "9.90"}},
        context={"actor": {"type": "customer", "customer": {"merchant_user_id": "42"}}},
        snapshot={"orders": [{"public_id": "o1"}]},
    )
    put(quiet, [body])
    quiet.command("webhooks", "load")

    names = "event_id, event_type, object_type, object_key, actor"
    assert events(quiet, names) == [("evt_000001", "item.remove", "item", "i1", "customer:42")]
    assert events(quiet, "epoch(happened_at), payload->>'$.data.object.price'") == [
        (1767225600.0, "9.90")
    ]
    assert events(quiet, "snapshot->>'$.orders[0].public_id'") == [("o1",)]
    with duckdb.connect(str(quiet.file), read_only=True) as connection:
        described = connection.execute("describe ordergroove.webhook_events").fetchall()
    assert {name: kind for name, kind, *_ in described} == {
        "event_id": "VARCHAR",
        "event_type": "VARCHAR",
        "object_type": "VARCHAR",
        "object_key": "VARCHAR",
        "happened_at": "TIMESTAMP WITH TIME ZONE",
        "received_at": "TIMESTAMP WITH TIME ZONE",
        "actor": "VARCHAR",
        "payload": "JSON",
        "snapshot": "JSON",
    }


@pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"])
def test_every_engine_takes_events_once_and_follows_them(
    request: pytest.FixtureRequest, quiet: Stage, engine: str
) -> None:
    destination = f"sqlite:///{quiet.directory / 'shop.sqlite'}"
    if engine != "sqlite":
        destination = str(request.getfixturevalue(f"{engine}_url"))
    odd = delivery(1_000, id="e" * 900, note="\x00 \ud800 Zoë", created="never", type=None)
    order = next(str(row.record["public_id"]) for row in quiet.world.rows("orders"))
    later = int(quiet.world.now.timestamp()) + 3_600
    known = delivery(2_000, created=later, data={"object": {"public_id": order}})

    assert quiet.command("sync", "orders", "items", destination=destination).returncode == 0
    put(quiet, [delivery(number) for number in range(20)] + [odd, known])
    calls = len(quiet.sandbox.calls)
    done = quiet.command("sync", "orders", "items", destination=destination)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "22 webhook events loaded" in done.stdout
    assert order in [call.path_key for call in quiet.calls_since(calls)]

    put(quiet, [delivery(number) for number in range(25)])
    done = quiet.command("webhooks", "load", destination=destination)
    assert "5 new events loaded" in done.stdout, done.stderr
    counted = quiet.command(
        "query",
        "select count(*), count(distinct event_id), count(happened_at) from webhook_events",
        "--csv",
        destination=destination,
    )
    assert counted.stdout.splitlines()[-1] == "27,27,26", counted.stderr
