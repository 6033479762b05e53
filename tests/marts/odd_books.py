"""Books with every oddity that real merchants have in theirs."""

import datetime as dt
from typing import Any

from sources.ordergroove.sandbox import World

NOW = dt.datetime(2026, 6, 10, 18, tzinfo=dt.UTC)
ODD_HOURS = {
    # the hour that spring leaves out, the one that autumn shows twice, and a leap day
    "2026-03-08 02:30:00": "2026-03-08 06:30:00",
    "2025-11-02 01:30:00": "2025-11-02 06:30:00",
    "2024-02-29 23:59:59": "2024-03-01 04:59:59",
}
MISSING = {
    "subscriptions": ("quantity", "every", "every_period", "frequency_days", "currency_code"),
    "orders": ("place", "currency_code", "sub_total", "tax_total", "payment"),
    "items": ("quantity", "total_price", "price"),
}


class Books:
    """A merchant's records, spoiled before they are read: each oddity on a record of its own."""

    def __init__(self, zone: str = "America/New_York") -> None:
        self.world = World(seed=5, customers=30, zone=zone, now=NOW, days=120, alive=False)
        self.shop = self.world.shop
        self.taken: set[str] = set()

    def take(self, entity: str, **wanted: Any) -> str:
        """The key of a record that is not spoiled yet, and whose neighbours are not."""
        for row in self.world.rows(entity):
            record = row.record
            around = {str(record.get(name)) for name in ("public_id", "order", "subscription")}
            fits = all(record[name] == value for name, value in wanted.items())
            if fits and not around & self.taken:
                self.taken |= around - {"None"}
                return str(record["public_id"])
        raise LookupError(f"no {entity} with {wanted}")

    def spoil(self) -> dict[str, str]:
        """All at once; what was done to which record."""
        edit, take = self.world.edit, self.take
        paid = [take("orders", status=5) for _ in range(6)]
        live = [take("subscriptions", live=True) for _ in range(6)]
        edit("orders", paid[0], status=42)
        for item in [*self.shop.items_of[paid[1]]]:
            self.shop.store.remove("items", item, self.shop.now)
        for order, place in zip(paid[2:5], ODD_HOURS, strict=True):
            edit("orders", order, place=place)
        edit("orders", paid[5], **dict.fromkeys(MISSING["orders"]))
        item = take("items", frozen=False)
        edit("items", item, **dict.fromkeys(MISSING["items"]))
        edit("subscriptions", live[0], **dict.fromkeys(MISSING["subscriptions"]))
        for key, every, period in zip(live[1:4], (0, -2, 1), (3, 3, 9), strict=True):
            edit("subscriptions", key, every=every, every_period=period, frequency_days=0)
        too_early = {"start_date": "2026-05-20", "cancelled": "2026-05-10 08:00:00"}
        edit("subscriptions", live[4], live=False, **too_early)
        record = self.shop.record("subscriptions", live[5])
        self.world.erase("customers", record["customer"])
        self.world.erase("products", record["product"])
        return {
            "unknown status": paid[0],
            "no items": paid[1],
            **dict(zip(ODD_HOURS, paid[2:5], strict=True)),
            "nulls in order": paid[5],
            "nulls in item": item,
            "nulls in subscription": live[0],
            "never": live[1],
            "backwards": live[2],
            "unknown period": live[3],
            "too early": live[4],
            "no customer": record["customer"],
            "no product": record["product"],
        }
