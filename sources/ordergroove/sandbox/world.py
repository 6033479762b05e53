"""A whole merchant on your own machine, with a past and, if you let time pass, a future."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import boxes, people, placement
from sources.ordergroove.sandbox.catalog import cents
from sources.ordergroove.sandbox.clock import DAY_S, WallClock
from sources.ordergroove.sandbox.life import Life
from sources.ordergroove.sandbox.merchant import Merchant
from sources.ordergroove.sandbox.store import Deleted, Key, Record, Row
from sources.ordergroove.sandbox.vocabulary import CANCEL_REASONS

ZONES = ("America/Chicago", "America/New_York", "UTC", "EST")
"""The clocks that Ordergroove's pages name, and the one that they should."""


class World:
    """A deterministic merchant: the same arguments and calls give the same records.

    `now` is the instant at which history ends, aware; the machine's own clock if not given.
    `zone` is the server's wall clock, in which all stamps are shown. `alive=False` lets time pass
    without anything happening by itself. `loser_is_bumped=False` keeps the stamp of an order that
    loses an item to another. Raises ValueError for a naive `now` or an unknown zone.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        customers: int = 500,
        zone: str = "America/Chicago",
        now: datetime | None = None,
        days: int = 730,
        alive: bool = True,
        loser_is_bumped: bool = True,
    ) -> None:
        if zone not in ZONES:
            raise ValueError(f"unknown zone {zone!r}; known: {', '.join(ZONES)}")
        end = seconds_of(now or datetime.now(UTC))
        self.shop = Merchant(seed=seed, zone=zone, now=end - days * DAY_S)
        self.shop.loser_is_bumped = loser_is_bumped
        self.alive = alive
        self.life = Life(self.shop, customers=customers, days=days)
        self.life.run(end)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.shop.now, UTC)

    @property
    def wall(self) -> WallClock:
        """The server's clock, in which stamps are shown."""
        return self.shop.wall

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self.shop.store.version

    @property
    def deleted(self) -> Sequence[Deleted]:
        """Every physical deletion so far, oldest first."""
        return self.shop.store.deleted

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Lets time pass, and with it, unless the world is not alive, whatever is due."""
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        until = self.shop.now + int(span.total_seconds())
        if self.alive:
            self.life.run(until)
        else:
            self.shop.now = until

    def rows(self, entity: str) -> Sequence[Row]:
        """An entity's rows with their instants, by creation and internal id."""
        return self.shop.store.shelves[entity].ordered()

    def changed(self, entity: str, start: str, end: str) -> Sequence[Row]:
        """Rows whose change stamp lies between two texts; both edges belong to it."""
        changes = ENTITIES[entity].changes
        if changes is None:
            raise ValueError(f"{entity} know no change filter")
        stamped = [row for row in self.rows(entity) if row.record[changes.stamp]]
        return [row for row in stamped if start <= row.record[changes.stamp] <= end]

    def find(self, entity: str, key: Key) -> Row | None:
        return self.shop.store.shelves[entity].find(key)

    def order_of(self, item: Record) -> Record:
        """The order that an item stands in."""
        return self.shop.record("orders", item["order"])

    def subscriptions_in(self, order: str) -> set[str | None]:
        """The subscriptions whose items an order holds; None stands for one-time items."""
        items = self.shop.items_of.get(order, {}).values()
        return {item.record["subscription"] for item in items}

    def truth(self, entity: str) -> list[Record]:
        """What the API shows to somebody who asks for everything, as copies."""
        return [orjson.loads(orjson.dumps(row.record)) for row in self.rows(entity)]

    def create_customer(self) -> str:
        """A new customer with an address and a payment, without subscriptions."""
        return str(people.create_customer(self.shop).record["merchant_user_id"])

    def customer_for(self, user: Mapping[str, Any]) -> str:
        """The customer of a checkout, matched by its `user_id`, else made from what it tells."""
        key = str(user["user_id"])
        if self.find("customers", key) is None:
            told = {name: user[name] for name in ("first_name", "last_name", "email")}
            people.create_customer(self.shop, merchant_user_id=key, **told)
        return key

    def subscribe(
        self,
        customer: str,
        *,
        product: str | None = None,
        every: int = 1,
        every_period: int = 3,
        quantity: int = 1,
    ) -> str:
        """A new subscription to the customer's first address, and its first waiting order."""
        fields = {}
        for entity, name in (("addresses", "address"), ("payments", "payment")):
            rows = self.shop.store.shelves[entity]
            fields[name] = next(
                row.record["public_id"] for row in rows if row.record["customer"] == customer
            )
        row = people.subscribe(
            self.shop,
            customer,
            product=product or self.life.goods.choose()[0],
            rhythm=(every, every_period),
            quantity=quantity,
            **fields,
        )
        return str(row.record["public_id"])

    def items_of(self, subscription: str) -> list[str]:
        """The items of a subscription's next delivery."""
        return [*self.shop.upcoming.get(subscription, {})]

    def next_order(self, subscription: str) -> str:
        """The order of a subscription's next delivery. Raises IndexError when there is none."""
        item = self.shop.record("items", self.items_of(subscription)[0])
        return str(item["order"])

    def skip(self, subscription: str) -> None:
        people.skip(self.shop, subscription)

    def cancel_subscription(
        self, subscription: str, reason: tuple[int, str] = CANCEL_REASONS[0]
    ) -> None:
        people.cancel_subscription(self.shop, subscription, reason)

    def reactivate(self, subscription: str) -> None:
        people.reactivate(self.shop, subscription)

    def change_subscription(self, subscription: str, **fields: Any) -> None:
        """Changes fields; the waiting items follow in product and quantity."""
        people.change_subscription(self.shop, subscription, **fields)

    def change_quantity(self, subscription: str, quantity: int) -> None:
        self.change_subscription(subscription, quantity=quantity)

    def change_price(self, product: str, price: str) -> None:
        """A new price, as text with two digits."""
        people.change_price(self.shop, product, cents(price))

    def touch_customer(self, customer: str) -> None:
        people.touch_customer(self.shop, customer)

    def add_upsell(self, order: str, product: str | None = None) -> str:
        """A one-time item in a waiting order."""
        item = people.add_upsell(self.shop, order, product or self.life.goods.choose()[0])
        return str(item.record["public_id"])

    def grant(self, order: str, item: str | None = None) -> str:
        """A one-time incentive for a waiting order, or for one of its items."""
        return str(people.grant(self.shop, order, item=item).record["public_id"])

    def cancel_order(self, order: str) -> None:
        """Cancels a whole waiting order: it stays, with status 4."""
        placement.cancel_order(self.shop, boxes.waiting_order(self.shop, order))

    def move_item(self, item: str, order: str | None = None, *, in_days: int = 10) -> str:
        """Moves an item into another waiting order, or into a new one. Returns that order."""
        row = self.shop.get("items", item)
        if order is None:
            old = self.order_of(row.record)
            target = boxes.open_order(
                self.shop,
                customer=old["customer"],
                address=old["shipping_address"],
                payment=old["payment"],
                day=self.shop.today + in_days,
            )
        else:
            target = boxes.waiting_order(self.shop, order)
        boxes.move_item(self.shop, row, target)
        return str(target.record["public_id"])

    def place_order(self, order: str, outcome: str = "success") -> None:
        """Places a waiting order now; outcomes: success, declined, error, lost, pending."""
        row = self.shop.get("orders", order)
        if self.shop.is_waiting(row):
            placement.queue(self.shop, row)
        match outcome:
            case "success":
                placement.succeed(self.shop, row)
            case "declined":
                placement.decline(self.shop, row)
            case "error":
                placement.fail_technically(self.shop, row)
            case "lost":
                placement.lose_connection(self.shop, row)
            case "pending":
                pass
            case _:
                raise ValueError(f"unknown outcome {outcome!r}")

    def merge(self, order: str, into: str) -> None:
        """Empties one waiting order into another of the same customer."""
        target = boxes.waiting_order(self.shop, into)
        placement.merge(self.shop, boxes.waiting_order(self.shop, order), target)

    def delete_item(self, item: str) -> None:
        """Deletes an item for good, and its order if that leaves it empty."""
        boxes.remove_item(self.shop, self.shop.get("items", item))

    def delete_order(self, order: str) -> None:
        """Deletes a waiting order and its items for good."""
        placement.delete_waiting(self.shop, self.shop.get("orders", order))

    def erase(self, entity: str, key: Key) -> None:
        """Takes one record away, whatever its state, and leaves what names it as it is.

        An order takes its items along, an item may take its order. In a world that lives on,
        subscriptions and products are better left alone: what happens next needs them.
        """
        if entity == "orders":
            boxes.delete_order(self.shop, self.shop.get(entity, str(key)))
        elif entity == "items":
            self.delete_item(str(key))
        elif entity == "one_time_incentives":
            boxes.withdraw(self.shop, self.shop.get(entity, str(key)))
        else:
            self.shop.store.remove(entity, key, self.shop.now)

    def edit(self, entity: str, key: Key, **fields: Any) -> None:
        """Sets fields of a record as they come and moves its stamp; an item's is its order's."""
        row = self.shop.store.shelves[entity].get(key)
        row.record.update(fields)
        if entity == "items":
            boxes.bump(self.shop, self.shop.get("orders", row.record["order"]))
        elif entity == "orders":
            boxes.bump(self.shop, row)
        else:
            self.shop.touch(entity, row)


def seconds_of(moment: datetime) -> int:
    """Whole seconds since 1970 UTC. Raises ValueError for a moment without a zone."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return int(moment.timestamp())
