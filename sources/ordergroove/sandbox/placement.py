"""The night's work: orders are queued, sent to the shop, accepted, refused and tried again."""

from sources.ordergroove.sandbox.boxes import (
    bump,
    delete_order,
    file_order,
    move_item,
    open_order,
    put_cycle,
    recalculate,
    unfile_order,
)
from sources.ordergroove.sandbox.clock import day_number, later
from sources.ordergroove.sandbox.merchant import (
    CANCELLED,
    CARD_RETRY,
    CONNECTION_ERROR,
    GENERIC_ERROR,
    MERGED,
    PENDING,
    REJECTED,
    SUCCESS,
    WAITING,
    Merchant,
)
from sources.ordergroove.sandbox.store import Record, Row
from sources.ordergroove.sandbox.vocabulary import (
    DECLINED,
    GAVE_UP,
    OUT_OF_STOCK,
    TECHNICAL,
)

TRIES = 5


def queue(shop: Merchant, order: Row) -> list[str]:
    """Takes a due order to PENDING_PLACEMENT, after its follow-up orders were created.

    Returns the subscriptions whose next delivery is now planned.
    """
    day = day_number(order.record["place"])
    unfile_order(shop, order)
    planned = plan_next(shop, order, day)
    order.record["status"] = PENDING
    order.record["place"] = shop.stamp()
    order.record["locked"] = True
    bump(shop, order)
    return planned


def plan_next(shop: Merchant, order: Row, day: int) -> list[str]:
    """Creates the next delivery of every live subscription in an order."""
    planned = []
    for public_id in _subscriptions_in(shop, order):
        subscription = shop.record("subscriptions", public_id)
        shop.upcoming[public_id] = {
            key: item
            for key, item in shop.upcoming.get(public_id, {}).items()
            if item.record["order"] != order.record["public_id"]
        }
        if subscription["live"] and not shop.upcoming[public_id]:
            rhythm = subscription["every"], subscription["every_period"]
            put_cycle(shop, subscription, max(later(day, *rhythm), shop.today + 1))
            planned.append(public_id)
    return planned


def _subscriptions_in(shop: Merchant, order: Row) -> list[str]:
    items = shop.items_of[order.record["public_id"]].values()
    named = [item.record["subscription"] for item in items if item.record["subscription"]]
    return [*dict.fromkeys(named)]


def succeed(shop: Merchant, order: Row) -> None:
    """The shop took the order: its number is known, products and prices stand for good."""
    record = order.record
    shop.placed += 1
    record["tries"] += 1
    record["status"] = SUCCESS
    record["order_merchant_id"] = f"#{300_000 + shop.placed}"
    record["rejected_message"] = None
    record["locked"] = False
    for item in shop.items_of[record["public_id"]].values():
        _ship(shop, item.record)
        shop.tell("item.successfully_placed", item.record)
    for incentive in shop.incentives_of.get(record["public_id"], ()):
        incentive.record["applied_at"] = shop.stamp()
        shop.touch("one_time_incentives", incentive)
    bump(shop, order)
    shop.tell("order.success", record)
    for subscription in _subscriptions_in(shop, order):
        _count_prepaid(shop, shop.get("subscriptions", subscription))


def _ship(shop: Merchant, item: Record) -> None:
    item["first_placed"] = item["first_placed"] or shop.stamp()
    item["frozen"] = True
    if item["product"] is None and item["subscription"]:
        item["product"] = shop.record("subscriptions", item["subscription"])["product"]


def _count_prepaid(shop: Merchant, subscription: Row) -> None:
    """Counts a prepaid delivery down; at none left the next one is paid for three again."""
    context = subscription.record["prepaid_subscription_context"]
    if context:
        remaining = context["prepaid_orders_remaining"] - 1
        per_billing = context["prepaid_orders_per_billing"]
        context["prepaid_orders_remaining"] = remaining if remaining >= 0 else per_billing - 1
        shop.touch("subscriptions", subscription)


def decline(shop: Merchant, order: Row) -> None:
    """The card was refused: tried again some days later, until the limit rejects the order."""
    order.record["tries"] += 1
    gives_up = order.record["tries"] >= TRIES
    order.record["status"] = REJECTED if gives_up else CARD_RETRY
    order.record["rejected_message"] = GAVE_UP if gives_up else DECLINED
    order.record["locked"] = False
    bump(shop, order)
    shop.tell("order.reject" if gives_up else "order.retryable_placement_failure", order.record)


def fail_technically(shop: Merchant, order: Row) -> None:
    order.record["tries"] += 1
    order.record["generic_error_count"] += 1
    gives_up = order.record["generic_error_count"] >= TRIES
    order.record["status"] = REJECTED if gives_up else GENERIC_ERROR
    order.record["rejected_message"] = TECHNICAL
    bump(shop, order)
    shop.tell("order.reject" if gives_up else "order.generic_error", order.record)


def lose_connection(shop: Merchant, order: Row) -> None:
    """Nobody knows what became of the order; it may be tried without limit."""
    order.record["tries"] += 1
    order.record["status"] = CONNECTION_ERROR
    bump(shop, order)


def defer_missing(shop: Merchant, order: Row) -> bool:
    """Moves what is out of stock to an order of tomorrow. Returns whether anything stays.

    An order with nothing in stock waits for tomorrow itself.
    """
    items = shop.items_of[order.record["public_id"]]
    missing = [item for item in items.values() if _is_missing(shop, item.record)]
    if missing and len(missing) == len(items):
        postpone(shop, order, shop.today + 1)
        order.record["rejected_message"] = OUT_OF_STOCK
        return False
    if missing:
        later_order = open_order(
            shop,
            customer=order.record["customer"],
            address=order.record["shipping_address"],
            payment=order.record["payment"],
            day=shop.today + 1,
        )
        later_order.record["oos_free_shipping"] = True
        for item in missing:
            move_item(shop, item, later_order)
            shop.tell("item.out_of_stock", item.record)
    return True


def _is_missing(shop: Merchant, item: Record) -> bool:
    return bool(item["product"] and not shop.record("products", item["product"])["live"])


def postpone(shop: Merchant, order: Row, day: int) -> None:
    """Gives a whole waiting order another day."""
    unfile_order(shop, order)
    order.record["place"] = f"{shop.wall.date_text(day)} 00:00:00"
    file_order(shop, order)
    bump(shop, order)
    shop.tell("order.change_next_order_date", order.record)


def cancel_order(shop: Merchant, order: Row) -> list[str]:
    """Cancels a whole waiting order, which stays with status 4; what was in it comes next time.

    Returns the subscriptions whose next delivery is now planned.
    """
    day = day_number(order.record["place"])
    unfile_order(shop, order)
    order.record["status"] = CANCELLED
    order.record["cancelled"] = shop.stamp()
    planned = plan_next(shop, order, day)
    bump(shop, order)
    shop.tell("order.skip_order", order.record)
    return planned


def merge(shop: Merchant, order: Row, into: Row) -> None:
    """Empties one waiting order into another: status 17, and where it went in `extra_data`."""
    unfile_order(shop, order)
    public_id = order.record["public_id"]
    order.record["status"] = MERGED
    order.record["extra_data"] = f'{{"merged_order_id": "{into.record["public_id"]}"}}'
    for item in [*shop.items_of[public_id].values()]:
        move_item(shop, item, into)
    recalculate(shop, order)


def delete_waiting(shop: Merchant, order: Row) -> None:
    """Deletes a whole order as support would. Raises ValueError when it was processed."""
    if order.record["status"] != WAITING:
        raise ValueError("only an order that waits can be deleted")
    delete_order(shop, order)
