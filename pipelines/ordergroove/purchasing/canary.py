"""`canary`: one harmless purchase on staging, followed into the warehouse and out of it again.

It ends in a subscription that is cancelled, of a customer that is always the same; its first order
would be placed in two months, so nothing is ever shipped or charged. No card data is sent.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pendulum

from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.daily import daily_run
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.purchasing.arrival import Arrived, arrived_in, missing_of
from pipelines.ordergroove.purchasing.purchases import purchases_at, write_down
from pipelines.ordergroove.purchasing.wish import (
    CUSTOMER,
    UNTOUCHED,
    merchant_of,
    product_of,
    purchase_of,
)
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.settings_table import PURCHASE_URLS, URLS
from pipelines.ordergroove.warehouse import opened
from sources.ordergroove.errors import ConfigError, OrdergrooveError, Stopped
from sources.ordergroove.purchase.outcome import Outcome, State

NAMES = ("customers", "subscriptions", "orders", "items")
STAGING = "staging"
LOOK_EVERY_S = 5.0


class Unseen(OrdergrooveError):
    """What should have arrived has not."""

    exit_code = 5


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step that went well."""

    name: str
    took_s: float
    what: str


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
    try:
        yield flight.timed("purchase", lambda: flight.buy(product))
        yield flight.timed("arrival", flight.see_arrival)
    except Unseen as error:
        if not keep:
            error.state = flight.cleaned_up() or error.state
        raise
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
        self.made: tuple[str, ...] = ()
        """The subscriptions that the purchase is known to have made."""

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
            merchant = merchant_of(client)
            chosen, sku = (product, product) if product else product_of(client)
        sent_at = pendulum.now("UTC")
        outcome = Outcome(merchant_order_id=self.order_id, state=State.SENDING)
        self.note(outcome, sent_at)
        host = self.settings.purchase_host
        with closing(purchases_at(self.settings, host, result_limit_s=self.wait_s)) as purchases:
            try:
                outcome = purchases.send(purchase_of(merchant, self.order_id, chosen, sku))
                self.note(outcome, sent_at)
                outcome = purchases.result(outcome, lines=1)
            except OrdergrooveError as error:
                outcome = given_up(outcome, error)
                raise
            finally:
                self.note(outcome, sent_at)
        self.made = tuple(key for _, key in outcome.subscriptions)
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

    def cleaned_up(self) -> str:
        """Cancels what was made although not all went well; tells what state that leaves."""
        known = dict.fromkeys((*self.made, *filter(None, (self.arrived.subscription,))))
        told = []
        with closing(purchases_at(self.settings, self.settings.url)) as rest:
            for key in known:
                try:
                    rest.cancel(key)
                    told.append(f"Its subscription {key} is cancelled.")
                except OrdergrooveError:
                    told.append(f"Its subscription {key} was not cancelled: do so in the Admin.")
        return " ".join(told)

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


def given_up(outcome: Outcome, error: OrdergrooveError) -> Outcome:
    """What is known of a purchase once an error has ended the asking."""
    if outcome.state is not State.SENDING or isinstance(error, Stopped):
        return outcome
    # the server said so before it looked at the purchase
    return replace(outcome, state=State.REFUSED, errors=(error.what,))


def refuse_failed(outcome: Outcome) -> None:
    """Raises Unseen for a purchase of which not all was made."""
    if outcome.state in (State.REFUSED, State.PARTIAL):
        made = ", ".join(key for _, key in outcome.subscriptions)
        raise Unseen(
            f"Ordergroove did not make all of the purchase: {'; '.join(outcome.errors)}",
            "Some fields that are optional here are needed by some merchants; see the row of"
            " purchase_requests, and name another product with --product.",
            f"The purchase {outcome.merchant_order_id} made {made or 'nothing'}.",
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
