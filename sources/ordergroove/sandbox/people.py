"""Customers and their subscriptions: coming, changing their minds, going, coming back."""

from typing import Any

from sources.ordergroove.sandbox.boxes import (
    open_order,
    put_cycle,
    put_item,
    recalculate,
    remove_item,
    waiting_order,
)
from sources.ordergroove.sandbox.catalog import extra_data, money, product_id
from sources.ordergroove.sandbox.clock import day_number, later
from sources.ordergroove.sandbox.merchant import WAITING, Merchant
from sources.ordergroove.sandbox.records import (
    address_record,
    customer_record,
    incentive_record,
    payment_record,
    subscription_record,
)
from sources.ordergroove.sandbox.store import Record, Row
from sources.ordergroove.sandbox.vocabulary import FIRST_NAMES, LAST_NAMES, PLACES, STREETS

CHANGES = {
    "product": "subscription.sku_swap",
    "quantity": "subscription.change_quantity",
    "every": "subscription.change_frequency",
    "components": "subscription.change_components",
    "shipping_address": "subscription.change_shipping_address",
    "payment": "subscription.change_payment",
}
"""What a changed field is called by the webhooks."""


def create_customer(shop: Merchant, **known: Any) -> Row:
    """A new customer with one address and one means of payment; `known` fields are not made up."""
    shop.people += 1
    rng = shop.rng
    record = customer_record(
        merchant=shop.public_id,
        user_id=f"{shop.people:08}",
        token="" if rng.random() < 0.5 else shop.new_id(),
        name=(rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)),
        locale=1 if rng.random() < 0.9 else "en-us",
        extra=extra_data(rng),
        stamp=shop.stamp(),
    )
    record |= known
    row = shop.store.add("customers", record, shop.now)
    shop.subscriptions_of[record["merchant_user_id"]] = []
    address = add_address(shop, record)
    add_payment(shop, record, address.record["public_id"])
    return row


def add_address(shop: Merchant, customer: Record) -> Row:
    place = shop.rng.choice(PLACES)
    record = address_record(
        customer=customer,
        public_id=shop.new_id(),
        street=f"{shop.rng.randrange(1, 999)} {shop.rng.choice(STREETS)}",
        place=place,
        stamp=shop.stamp(),
    )
    shop.tax_rates[record["public_id"]] = place[-1]
    return shop.store.add("addresses", record, shop.now)


def add_payment(shop: Merchant, customer: Record, address: str) -> Row:
    record = payment_record(
        customer=customer,
        address=address,
        public_id=shop.new_id(),
        token=shop.new_id(),
        card=shop.rng.choice((0, 1, 1, 1, 2, 2, 3, 4)),
        stamp=shop.stamp(),
    )
    return shop.store.add("payments", record, shop.now)


def subscribe(
    shop: Merchant, customer: str, *, address: str, payment: str, product: str,
    rhythm: tuple[int, int], quantity: int = 1,
) -> Row:  # fmt: skip
    """A new subscription and its first recurring order, one period from today.

    The order that was paid at the checkout is the shop's own and is no order here.
    """
    record = subscription_record(
        customer=shop.record("customers", customer),
        public_id=shop.new_id(),
        product=product,
        payment=payment,
        address=address,
        offer=shop.rng.choice([*shop.discounts][:4]),
        quantity=quantity,
        rhythm=rhythm,
        start=shop.wall.date_text(shop.today),
        shop_order=f"#{200_000 + shop.people * 3 + shop.rng.randrange(3)}",
        extra=extra_data(shop.rng),
        stamp=shop.stamp(),
    )
    _decorate(shop, record)
    row = shop.store.add("subscriptions", record, shop.now)
    is_first = not shop.subscriptions_of[customer]
    shop.subscriptions_of[customer].append(record["public_id"])
    shop.tell("subscription.create", record)
    who = shop.record("customers", customer)
    shop.tell("subscriber.create" if is_first else "subscriber.subscriptions_created", who)
    put_cycle(shop, record, later(shop.today, *rhythm))
    return row


def _decorate(shop: Merchant, record: Record) -> None:
    """What only some subscriptions have: components, a free trial, prepayment, a locked price."""
    product = shop.record("products", record["product"])
    draw = shop.rng.random()
    if product["product_type"].endswith("bundle"):
        record["components"] = [
            {"public_id": shop.new_id(), "quantity": quantity, "product": product_id(number)}
            for number, quantity in ((1, 1), (9, 1), (25, 2))
        ]
    elif product["product_type"] == "plan":
        record["grantees"] = [{"external_id": record["customer"], "name": "Grantee 1"}]
        record["free_trial_subscription_context"] = free_trial(shop, record["product"])
    elif draw < 0.04:
        record["prepaid_subscription_context"] = {
            "prepaid_orders_remaining": 2,
            "prepaid_orders_per_billing": 3,
            "renewal_behavior": "autorenew",
            "last_renewal_revenue": 100.8,
            "prepaid_origin_merchant_order_id": record["merchant_order_id"],
        }
    elif draw < 0.09:
        record["price"] = product["price"]
    elif draw < 0.2:
        record["prepaid_subscription_context"] = None


def free_trial(shop: Merchant, product: str) -> Record:
    end = shop.stamp().replace(" ", "T")
    return {
        "product": product,
        "days": 15,
        "conversion_item": 30_000_000 + shop.people,
        "expiration": f"{end}.704013",
        "is_in_free_trial": True,
    }


def next_day(shop: Merchant, subscription: str) -> int | None:
    """The day of a subscription's next delivery, None if none is waiting."""
    for item in shop.upcoming.get(subscription, {}).values():
        return day_number(shop.record("orders", item.record["order"])["place"])
    return None


def clear_upcoming(shop: Merchant, subscription: str) -> None:
    """Removes a subscription's items from orders that still wait; others are beyond its reach."""
    for item in [*shop.upcoming.get(subscription, {}).values()]:
        if shop.record("orders", item.record["order"])["status"] == WAITING:
            remove_item(shop, item)


def cancel_subscription(shop: Merchant, public_id: str, reason: tuple[int, str]) -> None:
    """Ends a subscription, which stays; its waiting items and the orders they leave empty go."""
    row = shop.get("subscriptions", public_id)
    code, text = reason
    clear_upcoming(shop, public_id)
    row.record["live"] = False
    row.record["cancelled"] = shop.stamp()
    row.record["cancel_reason"] = f"{code}|{text}"
    row.record["cancel_reason_code"] = str(code) if shop.rng.random() < 0.8 else f"{code}|"
    shop.touch("subscriptions", row)
    shop.tell("subscription.cancel", row.record)
    if not any(_live_subscriptions(shop, row.record["customer"])):
        _set_live(shop, row.record, live=False)
        shop.tell("subscriber.cancel", shop.record("customers", row.record["customer"]))


def end(shop: Merchant, subscription: str | None, reason: tuple[int, str]) -> None:
    """Cancels a subscription if there is one and it still runs."""
    if subscription and shop.record("subscriptions", subscription)["live"]:
        cancel_subscription(shop, subscription, reason)


def reactivate(shop: Merchant, public_id: str) -> None:
    """Brings a cancelled subscription back, with an order a week from now."""
    row = shop.get("subscriptions", public_id)
    cleared = dict.fromkeys(("cancelled", "cancel_reason", "cancel_reason_code"))
    row.record.update(cleared, live=True)
    shop.touch("subscriptions", row)
    shop.tell("subscription.change_live", row.record)
    _set_live(shop, row.record, live=True)
    put_cycle(shop, row.record, shop.today + 7)


def _live_subscriptions(shop: Merchant, customer: str) -> list[str]:
    known = shop.subscriptions_of[customer]
    return [one for one in known if shop.record("subscriptions", one)["live"]]


def _set_live(shop: Merchant, subscription: Record, *, live: bool) -> None:
    """Address and payment are live as long as something is sent there or charged to it."""
    for entity, field in (("addresses", "shipping_address"), ("payments", "payment")):
        row = shop.store.shelves[entity].find(subscription[field])
        if row and row.record["live"] != live:
            row.record["live"] = live
            shop.touch(entity, row)


def skip(shop: Merchant, public_id: str) -> None:
    """Leaves one delivery out: its items are deleted, the next order gets new ones.

    Raises ValueError when nothing of the subscription is waiting.
    """
    subscription = shop.record("subscriptions", public_id)
    day = next_day(shop, public_id)
    if day is None:
        raise ValueError(f"subscription {public_id} has nothing to skip")
    clear_upcoming(shop, public_id)
    put_cycle(
        shop,
        subscription,
        later(day, subscription["every"], subscription["every_period"]),
    )


def change_subscription(shop: Merchant, public_id: str, **fields: Any) -> None:
    """Changes fields of a subscription and lets its waiting items follow."""
    row = shop.get("subscriptions", public_id)
    row.record.update(fields)
    shop.touch("subscriptions", row)
    for name, event_type in CHANGES.items():
        if name in fields:
            shop.tell(event_type, row.record)
    for item in [*shop.upcoming.get(public_id, {}).values()]:
        order = shop.get("orders", item.record["order"])
        if order.record["status"] == WAITING and not row.record["components"]:
            if "product" in fields:
                item.record["product"] = fields["product"]
            item.record["quantity"] = row.record["quantity"]
            recalculate(shop, order)
            if "quantity" in fields:
                shop.tell("item.change_quantity", item.record)


def touch_customer(shop: Merchant, customer: str) -> None:
    """A log-in: it moves the customer's change stamp too."""
    row = shop.get("customers", customer)
    row.record["last_login"] = shop.stamp()
    shop.touch("customers", row)


def add_upsell(shop: Merchant, order: str, product: str) -> Row:
    """A one-time item in a waiting order. Raises ValueError when it waits no longer."""
    row = waiting_order(shop, order)
    item = put_item(shop, row, subscription=None, product=product)
    recalculate(shop, row)
    return item


def grant(shop: Merchant, order: str, *, item: str | None = None, value_cents: int = 300) -> Row:
    """A one-time incentive for a waiting order, or for one of its items."""
    row = waiting_order(shop, order)
    record = incentive_record(
        merchant=shop.public_id,
        customer=row.record["customer"],
        order=None if item else order,
        item=item,
        ids=(shop.new_id(), shop.new_id()),
        value_cents=value_cents,
        expires=f"{shop.wall.date_text(shop.today + 90)} 00:00:00",
        stamp=shop.stamp(),
    )
    incentive = shop.store.add("one_time_incentives", record, shop.now)
    shop.incentives_of.setdefault(order, []).append(incentive)
    recalculate(shop, row)
    return incentive


def change_price(shop: Merchant, product: str, price_cents: int) -> None:
    """A new price, and every waiting order with that product priced anew."""
    row = shop.get("products", product)
    row.record["price"] = money(price_cents)
    shop.touch("products", row)
    for days in [*shop.due.values()]:
        for order in days:
            items = shop.items_of[order].values()
            if any(item.record["product"] == product for item in items):
                recalculate(shop, shop.get("orders", order))


def lone_order(shop: Merchant, subscription: Record, day: int) -> Row:
    """A waiting order of its own for something that leaves its box."""
    return open_order(
        shop,
        customer=subscription["customer"],
        address=subscription["shipping_address"],
        payment=subscription["payment"],
        day=day,
    )
