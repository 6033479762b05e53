"""`canary`: one harmless purchase on staging, followed into the warehouse and out of it again.

It ends in a subscription that is cancelled, of a customer that is always the same; its first order
would be placed in two months, so nothing is ever shipped or charged. No card data is sent.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pendulum

from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.daily import daily_run
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.purchasing.purchases import purchases_at, write_down
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.settings_table import PURCHASE_URLS, URLS
from pipelines.ordergroove.warehouse import Warehouse, opened
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError, OrdergrooveError
from sources.ordergroove.purchase.outcome import Outcome, State

NAMES = ("customers", "subscriptions", "orders", "items")
CUSTOMER = "ordergroove-elt-canary"
STAGING = "staging"
LOOK_EVERY_S = 5.0
FIRST_ORDER_IN_DAYS = 60
UNTOUCHED = "Nothing was sent."


class Unseen(OrdergrooveError):
    """What should have arrived has not."""

    exit_code = 5


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step that went well."""

    name: str
    took_s: float
    what: str


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """What of the purchase is in the warehouse."""

    subscription: str | None = None
    is_live: bool = False
    has_customer: bool = False
    items: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return bool(self.subscription and self.has_customer and self.items and self.orders)


def canary(
    settings: Settings,
    *,
    product: str | None = None,
    keep: bool = False,
    wait_s: float = 300.0,
    look_every_s: float = LOOK_EVERY_S,
    debug: bool = False,
) -> Iterator[Step]:
    """The steps as they succeed.

    `keep` leaves the subscription alone. Raises ConfigError for anything but staging before a
    single request, Unseen when something does not arrive within `wait_s`.
    """
    refuse_production(settings)
    flight = Flight(settings, wait_s=wait_s, look_every_s=look_every_s, debug=debug)
    yield flight.timed("sync before", flight.sync)
    yield flight.timed("purchase", lambda: flight.buy(product))
    yield flight.timed("arrival", flight.see_arrival)
    if keep:
        return
    yield flight.timed("cancellation", flight.cancel)
    yield flight.timed("deletion", flight.see_deletion)


class Flight:
    """One canary on its way."""

    def __init__(
        self, settings: Settings, *, wait_s: float, look_every_s: float, debug: bool
    ) -> None:
        self.settings = settings
        self.wait_s = wait_s
        self.look_every_s = look_every_s
        self.debug = debug
        self.order_id = f"canary-{pendulum.now('UTC'):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        self.arrived = Arrived()
        self.stop = threading.Event()

    def timed(self, name: str, step: Callable[[], str]) -> Step:
        began = time.monotonic()
        what = step()
        return Step(name=name, took_s=time.monotonic() - began, what=what)

    def sync(self) -> str:
        run = daily_run(self.settings, NAMES, Ask(), debug=self.debug)
        for progress in run.failures:
            if isinstance(progress.error, OrdergrooveError):
                raise progress.error
        if run.exit_code():
            raise Unseen("A sync did not end well.", "Run `ordergroove sync` to see why.", "")
        rows = sum(progress.rows for progress in run.progress.values())
        return f"{rows:,} rows of {', '.join(NAMES)} are in {self.settings.destination_shown}."

    def buy(self, product: str | None) -> str:
        """Sends the purchase and waits until it is worked off."""
        with closing(client_for(self.settings)) as client:
            merchant, chosen = merchant_of(client), product or product_of(client)
        sent_at = pendulum.now("UTC")
        outcome = Outcome(merchant_order_id=self.order_id, state=State.SENDING)
        self.note(outcome, sent_at)
        with closing(purchases_at(self.settings, self.settings.purchase_host)) as purchases:
            try:
                outcome = purchases.send(purchase_of(merchant, self.order_id, chosen))
                self.note(outcome, sent_at)
                outcome = purchases.result(outcome, lines=1)
            finally:
                self.note(outcome, sent_at)
        refuse_failed(outcome)
        how = f"sent {outcome.sends} times" if outcome.sends > 1 else "sent once"
        return f"{self.order_id}, product {chosen}: {outcome.state}, {how}."

    def note(self, outcome: Outcome, sent_at: pendulum.DateTime) -> None:
        now = pendulum.now("UTC")
        write_down(self.settings, outcome, lines=1, sent_at=sent_at, now=now)

    def see_arrival(self) -> str:
        self.wait_until(lambda: self.arrived.is_whole, "arrive")
        seen = self.arrived
        return (
            f"customer {CUSTOMER}, subscription {seen.subscription}, order"
            f" {', '.join(seen.orders)} and item {', '.join(seen.items)} are in the warehouse."
        )

    def cancel(self) -> str:
        with closing(purchases_at(self.settings, self.settings.url)) as rest:
            rest.cancel(str(self.arrived.subscription))
        return f"The subscription {self.arrived.subscription} is cancelled."

    def see_deletion(self) -> str:
        gone = self.arrived
        self.wait_until(lambda: not self.arrived.is_live and not self.arrived.items, "go")
        return f"It shows as cancelled, and its item {', '.join(gone.items)} as deleted."

    def wait_until(self, is_so: Callable[[], bool], verb: str) -> None:
        """Syncs until it is so. Raises Unseen when that takes too long."""
        until = time.monotonic() + self.wait_s
        while True:
            self.sync()
            with opened(self.settings, read_only=True) as warehouse:
                self.arrived = arrived_in(warehouse, self.order_id)
            if is_so():
                return
            if time.monotonic() + self.look_every_s > until:
                raise Unseen(
                    f"The test purchase {self.order_id} did not {verb} within {self.wait_s:,.0f} s:"
                    f" {missing_of(self.arrived)}.",
                    "It may still: run `ordergroove sync` later and look for its"
                    " merchant_order_id in subscriptions; else ask Ordergroove's support.",
                    "Its subscription, if there is one, was not cancelled; cancel it in the Admin."
                    if verb == "arrive"
                    else "Its subscription is cancelled.",
                )
            self.stop.wait(self.look_every_s)


def refuse_failed(outcome: Outcome) -> None:
    """Raises Unseen for a purchase whose subscription was not made."""
    if outcome.state in (State.REFUSED, State.PARTIAL):
        raise Unseen(
            f"Ordergroove did not make the subscription: {'; '.join(outcome.errors)}",
            "Some fields that are optional here are needed by some merchants; see the row of"
            " purchase_requests, and name another product with --product.",
            f"The purchase {outcome.merchant_order_id} made nothing that could be charged.",
        )


def refuse_production(settings: Settings) -> None:
    """Raises ConfigError for anything that may be production."""
    hosts = {settings.url.rstrip("/"), settings.purchase_host.rstrip("/")}
    if settings.environment != STAGING or hosts & {URLS["production"], PURCHASE_URLS["production"]}:
        raise ConfigError(
            what="A test purchase is placed on staging only.",
            do="Add --environment staging, with a key of the staging environment.",
            state=UNTOUCHED,
        )
    if (settings.base_url is None) != (settings.purchase_url is None):
        raise ConfigError(
            what="Only one of the two addresses, base URL and purchase URL, was given.",
            do="Give both --base-url and --purchase-url, or neither: a purchase must arrive where"
            " the sync reads.",
            state=UNTOUCHED,
        )


def merchant_of(client: Client) -> str:
    """The merchant's public id, as any record names it. Raises ConfigError where none does."""
    for name in ("products", "customers"):
        for record in next(client.pages(ENTITIES[name], params={})).records:
            if isinstance(record, dict) and isinstance(record.get("merchant"), str):
                return str(record["merchant"])
    raise ConfigError(
        what="No product and no customer names the merchant.",
        do="Create a product in Ordergroove's staging environment.",
        state=UNTOUCHED,
    )


def product_of(client: Client) -> str:
    """A plain product that can be subscribed to. Raises ConfigError where there is none."""
    for page in client.pages(ENTITIES["products"], params={}):
        for record in page.records:
            if isinstance(record, dict) and is_plain(record):
                return str(record["external_product_id"])
    raise ConfigError(
        what="There is no live product that can be subscribed to.",
        do="Name one with --product.",
        state=UNTOUCHED,
    )


def is_plain(product: Mapping[str, Any]) -> bool:
    return bool(
        product.get("live")
        and product.get("autoship_enabled")
        and not product.get("discontinued")
        and product.get("product_type") in (None, "standard")
        and product.get("external_product_id")
    )


def purchase_of(merchant: str, order_id: str, product: str) -> dict[str, Any]:
    """The purchase: nothing paid, a first order far away, an address nobody lives at."""
    name = {"first_name": "Canary", "last_name": "Test"}
    place = pendulum.now("America/Chicago").add(days=FIRST_ORDER_IN_DAYS)
    address = {
        **name,
        "address": "1 Test Street",
        "city": "New York",
        "state_province_code": "NY",
        "zip_postal_code": "10001",
        "country_code": "US",
        "phone": "5550100",
    }
    return {
        "merchant_id": merchant,
        "merchant_order_id": order_id,
        "og_cart_tracking": False,
        "user": {
            "user_id": CUSTOMER,
            **name,
            "email": f"{CUSTOMER}@example.com",
            "shipping_address": address,
            "billing_address": address,
        },
        "payment": {"token_id": CUSTOMER, "label": "canary"},
        "products": [
            {
                "product": product,
                "sku": product,
                "subscription_info": {
                    "quantity": 1,
                    "first_order_place_date": f"{place:%Y-%m-%d}",
                    "tracking_override": {"product": product, "every": 6, "every_period": 3},
                },
            }
        ],
    }


def arrived_in(warehouse: Warehouse, order_id: str) -> Arrived:
    """What the warehouse knows of a purchase."""
    t = warehouse.table
    found = warehouse.rows(
        "select public_id, customer, live"
        f" from {t('subscriptions')} where merchant_order_id = ? and _deleted_at is null",
        (order_id,),
    )
    if not found:
        return Arrived()
    ((subscription, customer, live), *_) = found
    people = warehouse.rows(
        f"select count(*) from {t('customers')} where merchant_user_id = ?", (customer,)
    )
    lines = warehouse.rows(
        'select items.public_id, items."order", orders.public_id'
        f" from {t('items')} as items left join {t('orders')} as orders"
        ' on orders.public_id = items."order"'
        " where items.subscription = ? and items._deleted_at is null",
        (subscription,),
    )
    return Arrived(
        subscription=subscription,
        is_live=bool(live),
        has_customer=bool(people[0][0]),
        items=tuple(item for item, _, _ in lines),
        orders=tuple(dict.fromkeys(order for _, _, order in lines if order)),
    )


def missing_of(arrived: Arrived) -> str:
    there = {
        "subscription": arrived.subscription,
        "customer": arrived.has_customer,
        "order": arrived.orders,
        "item": arrived.items,
    }
    seen = [name for name, value in there.items() if value]
    return f"seen were {', '.join(seen)}" if seen else "nothing of it was seen"
