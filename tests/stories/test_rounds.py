"""Many random rounds of a merchant's life: after each one a single run has marked what is gone."""

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pendulum
import pytest
from pendulum import DateTime

from pipelines.ordergroove.webhooks.inbox import Inbox, inbox_at
from pipelines.ordergroove.webhooks.values import InboxAddress
from sources.ordergroove.sandbox import Call, Mischief, Sender, World
from sources.ordergroove.webhooks.events import letter_of
from tests.stories.by_hand import KEY, ByHand, by_hand
from tests.stories.deeds import something_happens
from tests.stories.other_server import OtherServer
from tests.stories.stage import expected_columns
from tests.stories.truth import expected_rows, stored

ROUNDS = int(os.environ.get("ROUNDS", "200"))
NAMES = ("orders", "items")
DAY = dt.datetime(2035, 6, 5, 18, tzinfo=dt.UTC)
MISHAPS = Mischief(lost=0.3, doubled=0.3, delayed=0.4, longest_delay_s=200_000, shuffled=True)


class Unplugged(BaseException):
    """The machine lost power: nothing may handle it."""


class Life:
    """A merchant, a warehouse, and perhaps events on their way to it."""

    def __init__(self, rng: Random, warehouse: ByHand, server: str) -> None:
        self.rng, self.warehouse, self.world = rng, warehouse, warehouse.world
        self.other = OtherServer(self.world, KEY)
        if server == "other server":
            warehouse.answered_by = self.other.handle
        self.bodies: list[bytes] = []
        self.sender: Sender | None = None
        self.unplugged = 0

    def connect(self, inbox: Inbox) -> None:
        """From now on events are sent into the inbox."""

        def post(body: bytes, _: Mapping[str, str]) -> int:
            self.bodies.append(body)
            return 200

        self.sender = Sender(self.world, post, mischief=MISHAPS)
        self.warehouse.inbox = inbox

    def goes_on(self, most: int = 12) -> None:
        """Time passes, something happens, and events arrive of what happened lately."""
        self.world.advance(hours=self.rng.choice((0, 0, 1, 5, 30)))
        something_happens(self.world, self.rng, self.rng.randint(1, most))
        if self.sender and self.warehouse.inbox:
            self.sender.send_due()
            self.warehouse.inbox.put([letter_of(body) for body in self.bodies], self.world.now)
            self.bodies.clear()

    def sync(self) -> int:
        """A run by a clock that is right, or ten minutes off, with the objects in any order."""
        lead_s = self.rng.choice((0, 600, -600))
        now: DateTime = pendulum.instance(self.world.now).add(seconds=lead_s)
        self.run = self.warehouse.sync(self.rng.sample(NAMES, len(NAMES)), now)
        return self.run.exit_code()

    def assert_told(self, calls: Sequence[Call]) -> None:
        """Every request of the last run but those of its windows stands in the ledger."""
        counted = sum("status" in dict(call.query) or call.path_key is not None for call in calls)
        told = self.warehouse.warehouse.rows(
            "select sum(sweep_requests) from ordergroove.sync_runs where run_id = ?",
            [self.run.run_id],
        )
        assert told == [(counted,)]

    def sync_while_it_goes_on(self) -> None:
        """A run during which the world does not stand still."""

        def while_paging(*_: Any) -> None:
            if self.rng.random() < 0.3:
                something_happens(self.world, self.rng, 1)
                self.world.advance(seconds=self.rng.choice((0, 0, 1, 20)))

        self.warehouse.sandbox.on_page = self.other.on_page = while_paging
        self.sync()
        self.warehouse.sandbox.on_page = None
        self.other.on_page = lambda: None

    def sync_in_trouble(self) -> None:
        """A run that is killed, or answered with errors, between its windows and its marks."""
        left = self.rng.randint(1, 12)
        kind = self.rng.choice(("kill", "kill", "500", "403", "reset"))

        def is_over() -> bool:
            nonlocal left
            left -= 1
            return left <= 0

        def bend(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            is_single = request.url.path.count("/") > 2
            if not (is_single or "status" in request.url.params) or not is_over():
                return answer
            if kind == "kill":
                raise Unplugged
            if kind == "reset":
                raise httpx.ReadError("gone", request=request)
            return httpx.Response(int(kind), json={"detail": "no"}, headers=dict(answer.headers))

        def unplug() -> None:
            if kind == "kill" and is_over():
                raise Unplugged

        self.warehouse.bend, self.warehouse.on_change = bend, unplug
        try:
            assert self.sync() in (0, 3)
        except Unplugged:
            self.unplugged += 1
        finally:
            self.warehouse.bend = lambda _, answer: answer
            self.warehouse.on_change = lambda: None

    def assert_marked(self) -> None:
        for name in NAMES:
            truth = {record["public_id"] for record in self.world.truth(name)}
            live = self.warehouse.keys(name, "_deleted_at is null")
            assert live - truth == set(), f"{name}: ghosts"
            assert truth - live == set(), f"{name}: missing, or marked wrongly"

    def assert_none_wrongly(self) -> None:
        for name in NAMES:
            truth = {record["public_id"] for record in self.world.truth(name)}
            assert self.warehouse.keys(name, "_deleted_at is not null") & truth == set()

    def assert_equal(self) -> None:
        """Every row that lives is as the world has it, in all its columns."""
        for name in NAMES:
            # what nobody knows and no column may be called is kept in `_unparsed`
            columns = [column for column in expected_columns(name) if column != "_unparsed"]
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = self.warehouse.warehouse.rows(
                f"select {listed} from ordergroove.{name} where _deleted_at is null"
            )
            truth = expected_rows(name, self.world.truth(name), "America/New_York")
            for row in truth.values():
                del row["_unparsed"]
            assert stored(name, columns, rows) == truth


@contextmanager
def life(seed: int, server: str, **odd: Any) -> Iterator[Life]:
    zone = "America/New_York"
    world = World(seed=5, customers=20, now=DAY, days=90, alive=False, **{"zone": zone} | odd)
    with by_hand(world) as warehouse:
        yield Life(Random(seed), warehouse, server)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    made = inbox_at(InboxAddress(file=tmp_path / "webhooks.sqlite"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("server", "webhooks"), [("sandbox", "off"), ("other server", "off"), ("sandbox", "on")]
)
def test_after_each_of_200_random_rounds_one_run_has_marked_what_was_deleted(
    inbox: Inbox, server: str, webhooks: str
) -> None:
    # the order that an item is moved away from keeps its stamp, and so its former amounts
    with life(11, server, zone="America/Chicago", loser_is_bumped=False) as made:
        assert made.sync() == 0
        if webhooks == "on":
            made.connect(inbox)
        for number in range(ROUNDS):
            made.goes_on()
            if number % 5 == 0:
                made.sync_while_it_goes_on()
                made.assert_none_wrongly()
            before = len(made.warehouse.sandbox.calls)
            assert made.sync() == 0
            made.assert_marked()
            if server == "sandbox":
                made.assert_told(made.warehouse.sandbox.calls[before:])
        assert len(made.world.deleted) > ROUNDS


@pytest.mark.parametrize(("server", "webhooks"), [("sandbox", "on"), ("other server", "off")])
def test_trouble_between_reading_and_proof_postpones_a_deletion_and_loses_none(
    inbox: Inbox, server: str, webhooks: str
) -> None:
    with life(12, server) as made:
        assert made.sync() == 0
        if webhooks == "on":
            made.connect(inbox)
        for _ in range(ROUNDS // 4):
            made.goes_on(8)
            # after the first one no window shows any more what it had to leave open
            for _ in range(made.rng.randint(1, 3)):
                made.sync_in_trouble()
                made.assert_none_wrongly()
                made.world.advance(hours=made.rng.choice((0, 5)))
            if made.rng.random() < 0.3:
                made.goes_on(3)
            assert made.sync() == 0
            made.assert_marked()
        made.assert_equal()
        assert made.unplugged > ROUNDS / 40
