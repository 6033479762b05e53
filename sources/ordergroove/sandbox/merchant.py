"""The merchant's own books: the store, and the indexes without which nothing is found quickly."""

from collections.abc import Callable
from random import Random

from sources.ordergroove.sandbox.catalog import cents, hex_id, stock_shelves
from sources.ordergroove.sandbox.clock import WallClock, day_number
from sources.ordergroove.sandbox.store import Record, Row, Store

WAITING = 1
REJECTED = 3
CANCELLED = 4
SUCCESS = 5
PENDING = 11
CONNECTION_ERROR = 13
GENERIC_ERROR = 15
MERGED = 17
CARD_RETRY = 18
UNPROCESSED = frozenset({WAITING, PENDING, CONNECTION_ERROR, GENERIC_ERROR, CARD_RETRY})
"""Statuses after which an order can still be shipped."""

Box = tuple[str, str | None, str | None, int]
"""What must be equal for two items to travel together: customer, address, payment, day."""


class Merchant:
    """Everything there is at one instant. Functions of the other modules change it.

    `now` is in seconds since 1970 UTC; records are written with `wall`, the server's clock, while
    days are planned with `central`, the platform's.
    """

    def __init__(self, *, seed: int, zone: str, now: int) -> None:
        # a world that can be built again needs a generator that repeats itself, not a secure one
        self.rng = Random(seed)  # noqa: S311
        self.wall = WallClock(zone)
        self.central = WallClock("America/Chicago")
        self.now = now
        self.public_id = hex_id(self.rng)
        self.store = Store(self.wall)
        self.items_of: dict[str, dict[str, Row]] = {}
        self.upcoming: dict[str, dict[str, Row]] = {}
        self.due: dict[int, dict[str, None]] = {}
        self.boxes: dict[Box, str] = {}
        self.subscriptions_of: dict[str, list[str]] = {}
        self.incentives_of: dict[str, list[Row]] = {}
        self.tax_rates: dict[str, int] = {}
        self.discounts: dict[str, int] = {}
        self.people = 0
        self.placed = 0
        self.loser_is_bumped = True
        self.listeners: list[Callable[[str, Record], None]] = []
        stock_shelves(self.store, self.rng, self.public_id, now)
        self._note_discounts()

    def _note_discounts(self) -> None:
        for row in self.store.shelves["offer_profiles"]:
            value = row.record["recurring_coupon"]["discounts"][0]["value"]
            self.discounts.update(dict.fromkeys(row.record["offers"], cents(value) // 100))

    @property
    def today(self) -> int:
        """The platform's calendar day, counted from 1970-01-01."""
        return self.central.day(self.now)

    def stamp(self) -> str:
        return self.wall.text(self.now)

    def new_id(self) -> str:
        return hex_id(self.rng)

    def get(self, entity: str, key: str) -> Row:
        """Raises KeyError when there is no such record."""
        return self.store.shelves[entity].get(key)

    def record(self, entity: str, key: str) -> Record:
        return self.get(entity, key).record

    def touch(self, entity: str, row: Row) -> None:
        self.store.touch(entity, row, self.now)

    def tell(self, event_type: str, record: Record) -> None:
        """Says what has happened to a record, in the words of the webhooks."""
        for listener in self.listeners:
            listener(event_type, record)

    def is_waiting(self, order: Row) -> bool:
        return bool(order.record["status"] == WAITING)


def box_of(order: Record) -> Box:
    """Where an order stands in the index of boxes."""
    return (
        order["customer"],
        order["shipping_address"],
        order["payment"],
        day_number(order["place"]),
    )
