"""A merchant of any size for measurements: records made on demand, from their number alone.

Nothing is simulated. Every order has one item, every twentieth of them a customer, an address, a
payment and a subscription; the newest orders still wait. What costs memory is eight bytes a row for
the time of its last change.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from sources.ordergroove.sandbox.catalog import hex_id, money, product_id, stock_shelves
from sources.ordergroove.sandbox.clock import DAY_S, WallClock
from sources.ordergroove.sandbox.merchant import SUCCESS
from sources.ordergroove.sandbox.ondemand import OnDemand, gathered, scattered
from sources.ordergroove.sandbox.records import (
    address_record,
    customer_record,
    item_record,
    order_record,
    payment_record,
    subscription_record,
)
from sources.ordergroove.sandbox.store import Key, Record, Row, Store, key_of
from sources.ordergroove.sandbox.vocabulary import FIRST_NAMES, LAST_NAMES, PLACES

ORDERS_A_CUSTOMER = 20
SHIPPING_CENTS = 495
PRODUCTS = 12


def prices(number: int) -> tuple[str, str, str]:
    """The unit price, the line and the order's total of the order of that number."""
    unit = 899 + number % 40 * 50
    line = unit * (number % 3 + 1)
    return money(unit), money(line), money(line + SHIPPING_CENTS)


PRICES = tuple(map(prices, range(120)))
"""All there are: they repeat after 3 quantities of 40 prices."""


class BulkWorld:
    """Books for the API like `World`, without a life. `now` must be aware."""

    def __init__(self, *, orders: int, seed: int, zone: str, now: datetime, days: int) -> None:
        self.now = now
        self.version = 0
        self.wall = WallClock(zone)
        # a world that can be built again needs a generator that repeats itself, not a secure one
        rng = Random(seed)  # noqa: S311
        self.merchant = hex_id(rng)
        end = int(now.timestamp())
        self.span = (end - days * DAY_S, end)
        self.store = Store(self.wall)
        stock_shelves(self.store, rng, self.merchant, self.span[0])
        self.offer = hex_id(rng)
        self.people = max(orders // ORDERS_A_CUSTOMER, 1)
        self.waiting_order = order_record(
            merchant=self.merchant,
            customer="",
            payment=None,
            address=None,
            public_id="",
            place=f"{self.wall.text(end)[:10]} 00:00:00",
            extra=None,
            stamp="",
        ) | {"shipping_total": money(SHIPPING_CENTS)}
        makers = {
            "customers": (self._customer, self.people),
            "addresses": (self._address, self.people),
            "payments": (self._payment, self.people),
            "subscriptions": (self._subscription, self.people),
            "orders": (self._order, orders),
            "items": (self._item, orders),
        }
        self.orders = orders
        self.bulk = {
            name: OnDemand(name, count, span=self.span, wall=self.wall, make=make)
            for name, (make, count) in makers.items()
        }
        # an item's change is its order's, whatever moves it
        self.bulk["items"].updated = self.bulk["orders"].updated

    def rows(self, entity: str) -> Sequence[Row]:
        return self.bulk.get(entity) or self.store.shelves[entity].ordered()

    def changed(self, entity: str, start: str, end: str) -> Sequence[Row]:
        return self.bulk[entity].changed(start, end)

    def find(self, entity: str, key: Key) -> Row | None:
        shelf = self.bulk.get(entity)
        if shelf is None:
            return self.store.shelves[entity].find(key)
        try:
            number = int(str(key)) - 1 if entity == "customers" else gathered(str(key))
            row = shelf[number] if 0 <= number < len(shelf) else None
        except ValueError:
            return None
        return row if row and key_of(self.store.shelves[entity].entity, row.record) == key else None

    def order_of(self, item: Record) -> Record:
        return self.bulk["orders"][gathered(item["order"])].record

    def subscriptions_in(self, order: str) -> set[str | None]:
        return {scattered(gathered(order) % self.people, 3)}

    def truth(self, entity: str) -> list[Record]:
        return [row.record for row in self.rows(entity)]

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        """Moves the clock; nothing else happens."""
        self.now += timedelta(days=days, hours=hours, seconds=seconds)

    def touch(self, entity: str, *, every: int = 10) -> int:
        """Changes each `every`-th row now. Returns how many that are."""
        shelf = self.bulk[entity]
        chosen = range(0, len(shelf), every)
        at = int(self.now.timestamp())
        for number in chosen:
            shelf.updated[number] = at
        self.version += 1
        return len(chosen)

    def _customer(self, number: int, created: str, updated: str) -> Record:
        names = (
            FIRST_NAMES[number % len(FIRST_NAMES)],
            LAST_NAMES[number % len(LAST_NAMES)],
        )
        record = customer_record(
            merchant=self.merchant,
            user_id=f"{number + 1:08}",
            token="",
            name=names,
            locale=1,
            extra=None,
            stamp=created,
        )
        record["last_updated"] = updated
        return record

    def _person(self, number: int) -> Record:
        return {
            "merchant_user_id": f"{number + 1:08}",
            "first_name": FIRST_NAMES[number % len(FIRST_NAMES)],
            "last_name": LAST_NAMES[number % len(LAST_NAMES)],
            "phone_number": None,
            "merchant": self.merchant,
            "session_id": f"{self.merchant}.{number}",
        }

    def _address(self, number: int, created: str, updated: str) -> Record:
        record = address_record(
            customer=self._person(number),
            public_id=scattered(number, 1),
            street=f"{number % 900 + 1} Elm St",
            place=PLACES[number % len(PLACES)],
            stamp=created,
        )
        record["updated"] = updated
        return record

    def _payment(self, number: int, created: str, updated: str) -> Record:
        record = payment_record(
            customer=self._person(number),
            address=scattered(number, 1),
            public_id=scattered(number, 2),
            token=f"token-{number}",
            card=number % 4,
            stamp=created,
        )
        record["last_updated"] = updated
        return record

    def _subscription(self, number: int, created: str, updated: str) -> Record:
        record = subscription_record(
            customer=self._person(number),
            public_id=scattered(number, 3),
            product=product_id(number % PRODUCTS + 1),
            payment=scattered(number, 2),
            address=scattered(number, 1),
            offer=self.offer,
            quantity=number % 3 + 1,
            rhythm=(1, 3),
            start=created[:10],
            shop_order=f"#{number}",
            extra=None,
            stamp=created,
        )
        record["updated"] = updated
        return record

    def _order(self, number: int, created: str, updated: str) -> Record:
        person = number % self.people
        _, sub_total, total = PRICES[number % len(PRICES)]
        record = self.waiting_order | {
            "customer": f"{person + 1:08}",
            "payment": scattered(person, 2),
            "shipping_address": scattered(person, 1),
            "public_id": scattered(number, 4),
            "sub_total": sub_total,
            "total": total,
            "created": created,
            "updated": updated,
        }
        if self._is_placed(number):
            record.update(place=created, status=SUCCESS, tries=1, order_merchant_id=f"#{number}")
        return record

    def _is_placed(self, number: int) -> bool:
        return number < self.orders - self.people

    def _item(self, number: int, created: str, updated: str) -> Record:
        """Carries the stamp of its order, which has the same number."""
        person = number % self.people
        record = item_record(
            order={"public_id": scattered(number, 4), "updated": updated},
            public_id=scattered(number, 5),
            subscription={"offer": self.offer, "public_id": scattered(person, 3)},
            product=product_id(person % PRODUCTS + 1),
            component=None,
            quantity=number % 3 + 1,
        )
        price, line, _ = PRICES[number % len(PRICES)]
        record.update(price=price, total_price=line)
        if self._is_placed(number):
            record.update(first_placed=created, frozen=True)
        return record


def bulk_world(
    *,
    orders: int = 100_000,
    seed: int = 7,
    zone: str = "America/Chicago",
    now: datetime | None = None,
    days: int = 730,
) -> BulkWorld:
    """A world of so many orders, each with an item; `now` is the machine's clock if not given."""
    return BulkWorld(
        orders=orders, seed=seed, zone=zone, now=now or datetime.now(UTC).replace(microsecond=0),
        days=days,
    )  # fmt: skip
