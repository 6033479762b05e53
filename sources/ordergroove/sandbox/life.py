"""What happens by itself: customers come and go, the night places orders, goods run out.

Everything is drawn from the merchant's one generator, in the order of the agenda: the same seed and
the same calls give the same world.
"""

import gc
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sources.ordergroove.sandbox import people, placement
from sources.ordergroove.sandbox.boxes import move_item
from sources.ordergroove.sandbox.clock import DAY_S, date_of
from sources.ordergroove.sandbox.goods import Goods
from sources.ordergroove.sandbox.merchant import PENDING, REJECTED, WAITING, Merchant
from sources.ordergroove.sandbox.store import Row
from sources.ordergroove.sandbox.vocabulary import (
    CANCEL_REASONS,
    FAILED_PAYMENT_REASON,
    RHYTHMS,
)

HOUR_S = 3_600
NIGHT_S = (2 * HOUR_S, 6 * HOUR_S)
MONTHS = (1.3, 1.0, 0.95, 0.9, 0.9, 0.8, 0.75, 0.8, 1.0, 1.1, 1.5, 1.2)
WEEKDAYS = (1.1, 1.0, 1.0, 0.95, 0.85, 0.9, 1.2)

WHIMS = (
    # share of delivery periods in which it happens
    ("cancel", 0.026),
    ("skip", 0.07),
    ("more", 0.03),
    ("swap", 0.02),
    ("rhythm", 0.03),
    ("upsell", 0.05),
    ("line", 0.03),
    ("merge", 0.02),
    ("grant", 0.04),
    ("order", 0.015),
    ("login", 0.12),
)
NEW_SUBSCRIBERS_LEAVE = 1.7
"""How much likelier a cancellation is in the first ten weeks, and again in January."""


class Event(NamedTuple):
    at: int
    number: int
    deed: str
    key: str


class Life:
    """The agenda of one merchant, and the deeds on it."""

    def __init__(self, shop: Merchant, *, customers: int, days: int) -> None:
        self.shop = shop
        self.agenda: list[Event] = []
        self.numbers = 0
        self.arrivals_a_day = customers / max(days, 1)
        self.goods = Goods(shop)
        self.deeds: dict[str, Callable[[str], None]] = {
            "dawn": self.dawn,
            "arrive": self.arrive,
            "queue": self.queue,
            "settle": self.settle,
            "restock": self.goods.restock,
            "return": self.come_back,
            **{name: self.whim(name) for name, _ in WHIMS},
        }
        self._plan_history(customers, days)

    def _plan_history(self, customers: int, days: int) -> None:
        """Spreads the first customers over the past, thinner in the beginning."""
        shop = self.shop
        first = shop.today
        past = range(first, first + max(days, 1))
        weights = [busy(day) * (1.2 + (day - first) / len(past)) for day in past]
        for arrival in sorted(shop.rng.choices(past, weights, k=customers)):
            self.plan(self.daytime(arrival), "arrive", "")
        self.last_planned = past[-1]
        self.plan(shop.central.instant(first + 1, 600), "dawn", "")

    def plan(self, at: int, deed: str, key: str) -> None:
        self.numbers += 1
        heapq.heappush(self.agenda, Event(at, self.numbers, deed, key))

    def run(self, until: int) -> None:
        """Lets everything happen that is due until an instant, and stops there."""
        with collector_paused():
            while self.agenda and self.agenda[0].at <= until:
                event = heapq.heappop(self.agenda)
                self.shop.now = max(event.at, self.shop.now)
                self.deeds[event.deed](event.key)
        self.shop.now = until

    def daytime(self, day: int) -> int:
        """Some second of a day between eight in the morning and eleven at night, Central time."""
        return self.shop.central.instant(day, self.shop.rng.randrange(8 * HOUR_S, 23 * HOUR_S))

    def dawn(self, _nobody: str) -> None:
        """Half an hour past midnight: plans the day's customers and the night's placement."""
        shop, day = self.shop, self.shop.today
        if day > self.last_planned:
            expected = self.arrivals_a_day * busy(day)
            for _ in range(int(expected) + (shop.rng.random() < expected % 1)):
                self.plan(self.daytime(day), "arrive", "")
        for due in sorted(known for known in shop.due if known <= day):
            for order in [*shop.due[due]]:
                self.plan(shop.central.instant(day, shop.rng.randrange(*NIGHT_S)), "queue", order)
            if not shop.due[due]:
                del shop.due[due]
        if shop.rng.random() < 0.12:
            for day_later, product in self.goods.change():
                self.plan(shop.now + day_later * DAY_S, "restock", product)
        self.plan(shop.central.instant(day + 1, 600), "dawn", "")

    def arrive(self, _nobody: str) -> None:
        shop = self.shop
        customer = people.create_customer(shop).record["merchant_user_id"]
        # address and payment were created just before: the last of their shelves
        address = next(reversed(shop.store.shelves["addresses"].rows.values()))
        payment = next(reversed(shop.store.shelves["payments"].rows.values()))
        for _ in range(shop.rng.choices((0, 1, 2, 3), (3, 48, 35, 14))[0]):
            product, rhythm = self.goods.choose()
            row = people.subscribe(
                shop,
                customer,
                address=address.record["public_id"],
                payment=payment.record["public_id"],
                product=product,
                rhythm=rhythm if shop.rng.random() < 0.6 else shop.rng.choice(RHYTHMS),
                quantity=shop.rng.choice((1, 1, 1, 1, 2, 2, 3)),
            )
            self.plan_whim(row.record["public_id"])

    def plan_whim(self, subscription: str) -> None:
        """Decides what the customer will do, if anything, before the next delivery."""
        shop = self.shop
        row = shop.get("subscriptions", subscription)
        is_new = shop.now - row.created_at < 70 * DAY_S
        leaving = NEW_SUBSCRIBERS_LEAVE if is_new else 1.0
        leaving *= NEW_SUBSCRIBERS_LEAVE if date_of(shop.today).month == 1 else 1.0
        day = people.next_day(shop, subscription)
        draw = shop.rng.random()
        for name, share in WHIMS:
            draw -= share * (leaving if name == "cancel" else 1.0)
            if draw < 0 and day is not None:
                when = self.daytime(shop.rng.randrange(shop.today, max(day, shop.today + 1)))
                self.plan(max(when, shop.now + 60), name, subscription)
                return

    def whim(self, name: str) -> Callable[[str], None]:
        """A deed that only happens if the subscription still runs and something of it waits."""

        def deed(subscription: str) -> None:
            shop = self.shop
            items = [*shop.upcoming.get(subscription, {}).values()]
            record = shop.record("subscriptions", subscription)
            if record["live"] and items and self._order_of(items[0]).record["status"] == WAITING:
                self.follow(name, subscription, items[0])

        return deed

    def _order_of(self, item: Row) -> Row:
        return self.shop.get("orders", item.record["order"])

    def follow(self, name: str, subscription: str, item: Row) -> None:
        """Carries a whim out."""
        shop, rng = self.shop, self.shop.rng
        record = shop.record("subscriptions", subscription)
        order = self._order_of(item)
        match name:
            case "cancel":
                people.cancel_subscription(shop, subscription, rng.choice(CANCEL_REASONS))
                if rng.random() < 0.15:
                    back = shop.today + rng.randrange(10, 120)
                    self.plan(self.daytime(back), "return", subscription)
            case "skip":
                people.skip(shop, subscription)
            case "more":
                people.change_subscription(shop, subscription, quantity=rng.randrange(1, 5))
            case "swap" if not record["components"]:
                people.change_subscription(shop, subscription, product=self.goods.choose()[0])
            case "rhythm":
                every, period = rng.choice(RHYTHMS)
                days = every * {1: 1, 2: 7, 3: 30}[period]
                fields = {"every": every, "every_period": period, "frequency_days": days}
                people.change_subscription(shop, subscription, **fields)
            case "upsell":
                people.add_upsell(shop, order.record["public_id"], self.goods.choose()[0])
            case "line":
                day = shop.today + rng.randrange(3, 20)
                move_item(shop, item, people.lone_order(shop, record, day))
            case "merge":
                self.merge_boxes(order)
            case "grant":
                single = item.record["public_id"] if rng.random() < 0.4 else None
                people.grant(shop, order.record["public_id"], item=single)
            case "order":
                for planned in placement.cancel_order(shop, order):
                    self.plan_whim(planned)
            case "login":
                # whoever was erased does not log in any more
                if shop.store.shelves["customers"].find(record["customer"]):
                    people.touch_customer(shop, record["customer"])

    def merge_boxes(self, order: Row) -> None:
        """Puts two waiting orders of a customer into one, if there are two."""
        shop = self.shop
        for subscription in shop.subscriptions_of[order.record["customer"]]:
            for item in shop.upcoming.get(subscription, {}).values():
                other = self._order_of(item)
                if other is not order and other.record["status"] == WAITING:
                    placement.merge(shop, order, other)
                    return

    def queue(self, key: str) -> None:
        """Sends an order on its way, or what is in stock of it."""
        shop = self.shop
        order = shop.store.shelves["orders"].find(key)
        if order is None or order.record["status"] != WAITING:
            return
        if placement.defer_missing(shop, order):
            for planned in placement.queue(shop, order):
                self.plan_whim(planned)
            self.plan(shop.now + shop.rng.randrange(20, 900), "settle", key)

    def settle(self, key: str) -> None:
        """The shop's answer; refusals are tried again, hours or days later."""
        shop = self.shop
        order = shop.store.shelves["orders"].find(key)
        if order is None:
            return
        again = order.record["status"] != PENDING
        draw = shop.rng.random() * (0.45 if again else 1.0)
        if draw < 0.045 * (5 if again else 1):
            placement.decline(shop, order)
            self.retry(order, 3 * DAY_S)
        elif draw < 0.06 and not again:
            placement.fail_technically(shop, order)
            self.retry(order, HOUR_S)
        elif draw < 0.07 and not again:
            placement.lose_connection(shop, order)
            self.retry(order, HOUR_S)
        else:
            placement.succeed(shop, order)

    def retry(self, order: Row, wait_s: int) -> None:
        if order.record["status"] != REJECTED:
            self.plan(self.shop.now + wait_s, "settle", order.record["public_id"])
        elif self.shop.rng.random() < 0.5:
            for item in self.shop.items_of[order.record["public_id"]].values():
                people.end(self.shop, item.record["subscription"], FAILED_PAYMENT_REASON)

    def come_back(self, subscription: str) -> None:
        if not self.shop.record("subscriptions", subscription)["live"]:
            people.reactivate(self.shop, subscription)
            self.plan_whim(subscription)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Nothing that is made here is garbage; looking for it would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def busy(day: int) -> float:
    """How many customers a day brings, compared with an average one."""
    when = date_of(day)
    return MONTHS[when.month - 1] * WEEKDAYS[when.weekday()]
