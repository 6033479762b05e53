"""The sandbox's webhooks: what happens in a world, sent to a receiver as Ordergroove sends it.

    sender = Sender(world, post_to("http://127.0.0.1:8300/"), mischief=Mischief(lost=0.3))
    world.skip(subscription)
    sender.send_due()

Deliveries that are not answered with 2xx are sent again by one of the three documented schedules.
Not sent, as documented or as nobody has said otherwise: what is done in the Admin, merges, the
items that go with a deleted order.
"""

import heapq
import hmac
import http.client
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from sources.ordergroove.sandbox.clock import WallClock, day_number
from sources.ordergroove.sandbox.store import Record

if TYPE_CHECKING:
    from sources.ordergroove.sandbox.world import World

DEMO_WEBHOOK_KEY = "sandbox-webhook-key"
PATIENCE_S = 5
"""How long an answer is waited for."""

SCHEDULES: Mapping[str, Sequence[int]] = MappingProxyType(
    {
        # 60 attempts in 9 to 10 hours
        "current": (60, 120, 240, 480, *[600] * 55),
        "server": (60, 180, 600, 600),
        # the gap doubles for three days
        "legacy": tuple(60 * 2**number for number in range(12)),
    }
)
"""Seconds between the attempts. Source: three generations of the documentation."""

FIELDS = {
    "subscriber": "merchant_user_id session_id first_name last_name email phone_number phone_type"
    " live created last_updated extra_data locale",
    "subscription": "public_id customer product components extra_data quantity price"
    " frequency_days reminder_days every every_period cancelled cancel_reason cancel_reason_code"
    " session_id merchant_order_id live external_id created start_date offer payment"
    " shipping_address updated prepaid_subscription_context",
    "order": "public_id customer payment shipping_address sub_total tax_total shipping_total"
    " discount_total total created place cancelled tries generic_error_count status"
    " order_merchant_id rejected_message extra_data",
    "item": "public_id customer product order subscription offer quantity price total_price"
    " first_placed components",
}
"""The fields of `data.object`, which are not all that REST shows."""

STAMPS = frozenset({"created", "cancelled", "updated", "last_updated", "first_placed"})
DATES = frozenset({"place", "start_date"})

Post = Callable[[bytes, Mapping[str, str]], int | None]
"""Sends a body with headers. Returns the status, None when no answer came."""


@dataclass(frozen=True, kw_only=True)
class Mischief:
    """What goes wrong on the way; the first three are shares of all deliveries."""

    lost: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0
    longest_delay_s: int = 3_600
    shuffled: bool = False
    """What is due at the same time is sent in any order."""

    blocks_in_data: bool = False
    """Puts context and snapshot into `data`, as one of the pages shows them."""


@dataclass(order=True)
class Letter:
    """An event on its way."""

    due: float
    number: int
    event: dict[str, Any] = field(compare=False)
    attempt: int = field(default=0, compare=False)


class Sender:
    """Makes an event of whatever happens from now on, and sends what is due.

    `keys` sign, the newest first; several do for a day after a rotation. `clock` tells seconds
    since 1970 UTC, the world's own unless it is given. One thread may send while others let
    things happen.
    """

    def __init__(
        self,
        world: "World",
        post: Post,
        *,
        keys: Sequence[str] = (DEMO_WEBHOOK_KEY,),
        mischief: Mischief | None = None,
        schedule: str = "current",
        seed: int = 1,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.shop = world.shop
        self.post = post
        self.keys = list(keys)
        self.mischief = mischief or Mischief()
        self.gaps = SCHEDULES[schedule]
        self.dice = Random(seed)  # noqa: S311 - the same mischief each time, not a secret
        self.clock = clock or (lambda: float(self.shop.now))
        self.events: list[dict[str, Any]] = []
        """Everything that happened, whatever became of its delivery."""

        self.failed: list[dict[str, Any]] = []
        """Events that were given up after the last attempt."""

        self.attempts = 0
        self._waiting: list[Letter] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self.shop.listeners.append(self.note)

    @property
    def is_done(self) -> bool:
        return not self._waiting

    def note(self, event_type: str, record: Record) -> None:
        """Makes an event of what has just happened to a record."""
        event = self.event(event_type, record)
        self.events.append(event)
        if self.dice.random() < self.mischief.lost:
            return
        copies = 2 if self.dice.random() < self.mischief.doubled else 1
        for _ in range(copies):
            is_late = self.dice.random() < self.mischief.delayed
            delay_s = self.dice.uniform(0, self.mischief.longest_delay_s) if is_late else 0.0
            self.plan(event, self.clock() + delay_s)

    def plan(self, event: dict[str, Any], due: float, attempt: int = 0) -> None:
        number = next(self._numbers)
        place = self.dice.getrandbits(40) if self.mischief.shuffled else number
        with self._lock:
            heapq.heappush(self._waiting, Letter(due, place, event, attempt))

    def send_due(self) -> int:
        """Sends what is due by the clock. Returns how many deliveries that were."""
        now, before = self.clock(), self.attempts
        while letter := self.next_due(now):
            self.send(letter)
        return self.attempts - before

    def next_due(self, now: float) -> Letter | None:
        with self._lock:
            is_due = self._waiting and self._waiting[0].due <= now
            return heapq.heappop(self._waiting) if is_due else None

    def send_all(self) -> None:
        """Sends everything that waits, each once, whenever it is due."""
        with self._lock:
            letters, self._waiting = sorted(self._waiting), []
        for letter in letters:
            self.send(letter)

    def send(self, letter: Letter) -> None:
        """One attempt; without success the next one is planned, or the event given up."""
        self.attempts += 1
        body = orjson.dumps(letter.event)
        status = self.post(body, self.signed(body))
        if status is not None and 200 <= status < 300:
            return
        if letter.attempt == len(self.gaps):
            self.failed.append(letter.event)
            return
        due = self.clock() + self.gaps[letter.attempt]
        self.plan(letter.event, due, letter.attempt + 1)

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers; the time is that of the attempt. Assumption: retries are signed anew."""
        sent_at = int(self.clock())
        message = f"{sent_at}.".encode() + body
        codes = [hmac.new(key.encode(), message, sha256).hexdigest() for key in self.keys]
        value = ",".join([f"ts={sent_at}", *(f"sig={code}" for code in codes)])
        return {"Content-Type": "application/json", "OrderGroove-Signature": value}

    def event(self, event_type: str, record: Record) -> dict[str, Any]:
        family = event_type.partition(".")[0]
        shown = {
            name: self.value(name, record[name])
            for name in FIELDS[family].split()
            if name in record
        }
        customer = record.get("customer") or record.get("merchant_user_id")
        who = {"customer": {"merchant_user_id": customer}}
        blocks = {"context": {"actor": {"type": "customer"} | who}, "snapshot": {}}
        data = {"object": {"type": family, "merchant": self.shop.public_id} | shown}
        made = {
            "id": f"{self.dice.getrandbits(128):032x}",
            "type": event_type,
            "created": self.shop.now,
        }
        if self.mischief.blocks_in_data:
            return made | {"data": data | blocks}
        return made | {"data": data} | blocks

    def value(self, name: str, value: Any) -> Any:
        """A field as events show it: stamps in epoch seconds, days as dates."""
        if isinstance(value, str) and name in STAMPS:
            return seconds_of(self.shop.wall, value)
        if isinstance(value, str) and name in DATES:
            return value[:10]
        # what happens later must not change what was told
        return orjson.loads(orjson.dumps(value))


def seconds_of(wall: WallClock, text: str) -> int:
    hours, minutes, seconds = (int(part) for part in (text[11:] or "0:0:0").split(":"))
    return wall.instant(day_number(text), 3_600 * hours + 60 * minutes + seconds)


def post_to(url: str) -> Post:
    """Sends to an address, as Ordergroove does: five seconds, then it counts as a failure."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def post(body: bytes, headers: Mapping[str, str]) -> int | None:
        connection = kind(parts.netloc, timeout=PATIENCE_S)
        try:
            connection.request("POST", parts.path or "/", body, dict(headers))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    return post
