"""Orders as boxes: what goes in, moves over, falls out, and what the box then costs."""

from sources.ordergroove.sandbox.catalog import cents, extra_data, money
from sources.ordergroove.sandbox.clock import day_number
from sources.ordergroove.sandbox.merchant import UNPROCESSED, WAITING, Merchant, box_of
from sources.ordergroove.sandbox.records import item_record, order_record
from sources.ordergroove.sandbox.store import Record, Row

FREE_SHIPPING_CENTS = 5_000
SHIPPING_CENTS = 495
COMPONENT_PERCENT = 10


def open_order(
    shop: Merchant, *, customer: str, address: str | None, payment: str | None, day: int
) -> Row:
    """A new order that waits for its day: midnight of it, as long as it lies in the future."""
    record = order_record(
        merchant=shop.public_id,
        customer=customer,
        payment=payment,
        address=address,
        public_id=shop.new_id(),
        place=f"{shop.wall.date_text(day)} 00:00:00",
        extra=extra_data(shop.rng),
        stamp=shop.stamp(),
    )
    row = shop.store.add("orders", record, shop.now)
    shop.items_of[record["public_id"]] = {}
    file_order(shop, row)
    shop.tell("order.create", record)
    return row


def file_order(shop: Merchant, order: Row) -> None:
    """Enters a waiting order into the indexes of days and boxes."""
    public_id = order.record["public_id"]
    shop.boxes[box_of(order.record)] = public_id
    shop.due.setdefault(day_number(order.record["place"]), {})[public_id] = None


def unfile_order(shop: Merchant, order: Row) -> None:
    public_id = order.record["public_id"]
    if shop.boxes.get(box_of(order.record)) == public_id:
        del shop.boxes[box_of(order.record)]
    shop.due.get(day_number(order.record["place"]), {}).pop(public_id, None)


def box_for(shop: Merchant, subscription: Record, day: int) -> Row:
    """The waiting order that a subscription's items of a day belong into, new if need be."""
    customer, address, payment = (
        subscription[name] for name in ("customer", "shipping_address", "payment")
    )
    known = shop.boxes.get((customer, address, payment, day))
    if known is not None:
        return shop.get("orders", known)
    return open_order(shop, customer=customer, address=address, payment=payment, day=day)


def put_item(
    shop: Merchant, order: Row, *, subscription: Record | None, product: str | None,
    component: str | None = None, quantity: int = 1,
) -> Row:  # fmt: skip
    """A new item in an order, which is not recalculated yet."""
    record = item_record(
        order=order.record,
        public_id=shop.new_id(),
        subscription=subscription,
        product=product,
        component=component,
        quantity=quantity,
    )
    row = shop.store.add("items", record, shop.now)
    shop.items_of[order.record["public_id"]][record["public_id"]] = row
    if subscription:
        shop.upcoming.setdefault(subscription["public_id"], {})[record["public_id"]] = row
    shop.tell("item.create", record)
    return row


def put_cycle(shop: Merchant, subscription: Record, day: int) -> Row:
    """The subscription's next delivery: one item, or one for each component of a bundle.

    The product of a rotating subscription stays null until the order is placed.
    """
    order = box_for(shop, subscription, day)
    kind = shop.record("products", subscription["product"])["product_type"]
    product = None if kind == "rotating" else subscription["product"]
    parts = subscription["components"] or [{"product": product, "quantity": 1, "public_id": None}]
    for part in parts:
        put_item(
            shop,
            order,
            subscription=subscription,
            product=part["product"],
            component=part["public_id"],
            quantity=part["quantity"] * subscription["quantity"],
        )
    order.record["has_plan"] = order.record["has_plan"] or kind == "plan"
    recalculate(shop, order)
    return order


def unit_cents(shop: Merchant, item: Record, subscription: Record | None) -> int:
    """The price of one unit now; a prepaid delivery that is paid for costs nothing."""
    product = item["product"] or (subscription["product"] if subscription else None)
    if subscription:
        context = subscription["prepaid_subscription_context"] or {}
        if context.get("prepaid_orders_remaining", 0) > 0:
            return 0
        if subscription["price"] is not None:
            return cents(subscription["price"])
    return cents(shop.record("products", product)["price"]) if product else 0


def price_item(shop: Merchant, item: Record) -> tuple[int, int]:
    """Prices one item. Returns the line before and after its discount, in cents."""
    subscription = (
        shop.record("subscriptions", item["subscription"]) if item["subscription"] else None
    )
    percent = shop.discounts.get(item["offer"], 0)
    percent += COMPONENT_PERCENT if item["subscription_component"] else 0
    unit = unit_cents(shop, item, subscription)
    full = unit * item["quantity"]
    item["price"] = money(unit)
    return full, (full * (100 - percent) + 50) // 100


def granted_cents(shop: Merchant, order: Record, item: Record, *, is_first: bool) -> int:
    """What one-time incentives take off one item; those of the order come off its first item."""
    return sum(
        cents(row.record["incentive"]["value"])
        for row in shop.incentives_of.get(order["public_id"], ())
        if row.record["item"] == item["public_id"] or (is_first and row.record["item"] is None)
    )


def recalculate(shop: Merchant, order: Row) -> None:
    """Prices an order anew and moves its stamp: what every change of an item leads to."""
    reprice(shop, order.record)
    bump(shop, order)


def reprice(shop: Merchant, record: Record) -> None:
    """`sub_total` is the sum of the items' `total_price`; `total` adds tax and shipping."""
    full_total = net_total = 0
    for place, item in enumerate(shop.items_of[record["public_id"]].values()):
        full, net = price_item(shop, item.record)
        net = max(net - granted_cents(shop, record, item.record, is_first=place == 0), 0)
        item.record["total_price"] = money(net)
        full_total += full
        net_total += net
    is_free = net_total >= FREE_SHIPPING_CENTS or not full_total or record["oos_free_shipping"]
    shipping = 0 if is_free else SHIPPING_CENTS
    tax = (net_total * shop.tax_rates.get(record["shipping_address"], 0) + 5_000) // 10_000
    record["sub_total"] = money(net_total)
    record["discount_total"] = money(full_total - net_total)
    record["shipping_total"] = money(shipping)
    record["tax_total"] = money(tax)
    record["total"] = money(net_total + shipping + tax)


def bump(shop: Merchant, order: Row) -> None:
    """Moves an order's change stamp, which its items show as their own."""
    shop.touch("orders", order)
    stamp = order.record["updated"]
    for item in shop.items_of[order.record["public_id"]].values():
        item.record["order_updated"] = stamp
        item.updated_at = shop.now


def remove_item(shop: Merchant, item: Row) -> None:
    """Deletes an item. Assumption: an order that this empties is deleted with it."""
    record = item.record
    order = shop.get("orders", record["order"])
    shop.store.remove("items", record["public_id"], shop.now)
    del shop.items_of[record["order"]][record["public_id"]]
    shop.upcoming.get(record["subscription"] or "", {}).pop(record["public_id"], None)
    for incentive in [*shop.incentives_of.get(record["order"], ())]:
        if incentive.record["item"] == record["public_id"]:
            remove_incentive(shop, incentive, record["order"])
    shop.tell("item.remove", record)
    _settle_loser(shop, order)


def _settle_loser(shop: Merchant, order: Row, *, bumps: bool = True) -> None:
    if shop.items_of[order.record["public_id"]] or order.record["status"] not in UNPROCESSED:
        reprice(shop, order.record)
        if bumps:
            bump(shop, order)
    else:
        delete_order(shop, order)


def remove_incentive(shop: Merchant, incentive: Row, order: str) -> None:
    shop.incentives_of[order].remove(incentive)
    shop.store.remove("one_time_incentives", incentive.record["public_id"], shop.now)


def withdraw(shop: Merchant, incentive: Row) -> None:
    """Deletes an incentive; an order that still waits gets dearer by it."""
    record = incentive.record
    public_id = record["order"] or shop.record("items", record["item"])["order"]
    order = shop.get("orders", public_id)
    remove_incentive(shop, incentive, public_id)
    if order.record["status"] in UNPROCESSED:
        recalculate(shop, order)


def delete_order(shop: Merchant, order: Row) -> None:
    """Deletes an unprocessed order and whatever is still in it, without a trace."""
    public_id = order.record["public_id"]
    for item in [*shop.items_of[public_id].values()]:
        shop.store.remove("items", item.record["public_id"], shop.now)
        shop.upcoming.get(item.record["subscription"] or "", {}).pop(item.record["public_id"], None)
    for incentive in [*shop.incentives_of.get(public_id, ())]:
        remove_incentive(shop, incentive, public_id)
    unfile_order(shop, order)
    del shop.items_of[public_id]
    shop.store.remove("orders", public_id, shop.now)
    shop.tell("order.delete", order.record)


def move_item(shop: Merchant, item: Row, order: Row) -> None:
    """Puts an item into another order; whether the loser's stamp moves is the world's switch."""
    record = item.record
    loser = shop.get("orders", record["order"])
    del shop.items_of[record["order"]][record["public_id"]]
    record["order"] = order.record["public_id"]
    shop.items_of[record["order"]][record["public_id"]] = item
    for incentive in [*shop.incentives_of.get(loser.record["public_id"], ())]:
        if incentive.record["item"] == record["public_id"]:
            shop.incentives_of[loser.record["public_id"]].remove(incentive)
            shop.incentives_of.setdefault(record["order"], []).append(incentive)
    recalculate(shop, order)
    shop.tell("item.change_order", record)
    _settle_loser(shop, loser, bumps=shop.loser_is_bumped)


def waiting_order(shop: Merchant, public_id: str) -> Row:
    """An order that still waits. Raises ValueError for one that does not."""
    order = shop.get("orders", public_id)
    if order.record["status"] != WAITING:
        raise ValueError(f"order {public_id} has status {order.record['status']}, not {WAITING}")
    return order
