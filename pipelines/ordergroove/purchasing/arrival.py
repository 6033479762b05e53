"""What of a test purchase is in the warehouse, told from its tables."""

from dataclasses import dataclass

from pipelines.ordergroove.warehouse import Warehouse


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
