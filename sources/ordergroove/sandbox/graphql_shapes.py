"""The sandbox's records as the GraphQL door shows them: other names, other times, nested.

Stamps carry America/Chicago's offset, as documented, whatever clock the REST door shows. What no
REST list returns (applied incentives, gift contexts, queued actions, products to swap) follows
from the records by fixed rules, so that tests can foretell it.
"""

import base64
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import orjson

from sources.ordergroove.sandbox.clock import WallClock, day_number
from sources.ordergroove.sandbox.query import Books as Rest
from sources.ordergroove.sandbox.store import Record, Row

CENTRAL = ZoneInfo("America/Chicago")
MOST_ITEMS = 100
STACKING = {"additional": 1, "exclusive": 2}
METHODS = {"credit card": 1, "paypal": 2, "applepay": 3, "googlepay": 4}
STAMPS = frozenset(
    {"created", "updated", "cancelled", "last_updated", "last_update", "first_placed", "expires",
     "applied_at"}
)  # fmt: skip
DAYS = frozenset({"place", "start_date"})

Fields = dict[str, Any]


class Books(Rest, Protocol):
    """A world whose wall clock is known."""

    @property
    def wall(self) -> WallClock: ...


class Shapes:
    """Records as nested objects; what is nested is looked up only when it is asked for."""

    def __init__(self, books: Books) -> None:
        self.books = books

    @cached_property
    def _items(self) -> defaultdict[str, list[Row]]:
        """The items of each order."""
        found = defaultdict(list)
        for row in self.books.rows("items"):
            found[row.record["order"]].append(row)
        return found

    @cached_property
    def _grants(self) -> defaultdict[str, list[Row]]:
        """The one-time incentives of each order or item."""
        found = defaultdict(list)
        for row in self.books.rows("one_time_incentives"):
            found[row.record["order"] or row.record["item"]].append(row)
        return found

    def shape(self, entity: str, row: Row) -> Fields:
        made = self.plain(row)
        more: Mapping[str, Callable[[Row], Fields]] = {
            "orders": self._order,
            "items": self._item,
            "subscriptions": self._subscription,
            "products": self._product,
            "payments": self._payment,
            "addresses": self._address,
        }
        return made | (more[entity](row) if entity in more else {})

    def plain(self, row: Row) -> Fields:
        """Every field in this door's spelling, times with their offset."""
        made: Fields = {}
        for name, value in row.record.items():
            shown = value
            if name in STAMPS:
                shown = self.moment(row, name)
            elif name in DAYS:
                shown = midnight(value)
            elif name == "extra_data":
                shown = None if value is None else as_text(value)
            elif name in ("merchant", "offer", "order"):
                made[f"{name}PublicId"] = value
            elif name == "locale":
                shown = value if isinstance(value, int) else None
            made[camel(name)] = shown
        return made

    def moment(self, row: Row, name: str) -> str | None:
        """A stamp with Chicago's offset; exact even in the hour that autumn shows twice."""
        text = row.record[name]
        if not text:
            return None
        wall = self.books.wall
        for instant in (row.updated_at, row.created_at):
            if wall.text(instant) == text:
                return iso(instant)
        hours, minutes, seconds = (int(part) for part in text[11:19].split(":"))
        return iso(wall.instant(day_number(text), hours * 3_600 + minutes * 60 + seconds))

    def linked(self, entity: str, key: Any) -> Callable[[Any], Fields | None]:
        def look_up(_: Any) -> Fields | None:
            row = None if key is None else self.books.find(entity, key)
            return None if row is None else self.shape(entity, row)

        return look_up

    def _links(self, record: Record) -> Fields:
        return {
            "customer": self.linked("customers", record["customer"]),
            "shippingAddress": self.linked("addresses", record["shipping_address"]),
            "payment": self.linked("payments", record["payment"]),
        }

    def _order(self, row: Row) -> Fields:
        key = row.record["public_id"]
        return self._links(row.record) | {
            "items": lambda _: self._items_page(key),
            "oneTimeIncentives": lambda _: self._granted(key),
            "appliedIncentives": lambda _: [applied("order", one) for one in self._own(row)],
        }

    def _items_page(self, order: str) -> Fields:
        rows = self._items[order]
        nodes = [self.shape("items", row) for row in rows[:MOST_ITEMS]]
        return {"nodes": nodes, "hasMore": len(rows) > MOST_ITEMS}

    def _item(self, row: Row) -> Fields:
        record = row.record
        part = record["subscription_component"]
        components = [component["product"] for component in record["components"] or ()]
        return {
            "product": self.linked("products", record["product"]),
            "components": lambda _: [
                found for key in components if (found := self.linked("products", key)(None))
            ],
            "subscription": self.linked("subscriptions", record["subscription"]),
            "subscriptionComponent": None if part is None else {"publicId": part},
            "oneTimeIncentives": lambda _: self._granted(record["public_id"]),
            "appliedIncentives": lambda _: [applied("item", one) for one in self._own(row)],
            "giftContext": gift_of(record),
        }

    def _own(self, row: Row) -> Sequence[Fields]:
        """What was granted to an order or item, and the standing offer of an item."""
        record = row.record
        key = record["public_id"]
        found = [
            {"target": key, "kind": "one_time", "record": granted.record}
            for granted in self._grants[key]
        ]
        if record.get("offer"):
            found.append({"target": key, "kind": "offer", "record": record})
        return found

    def _granted(self, key: str) -> list[Fields]:
        return [
            self.plain(row)
            | {
                "stackingType": STACKING.get(row.record["stacking_type"], 0),
                "onetimeCouponType": "one_time",
                "incentive": discount(row.record["incentive"]),
            }
            for row in self._grants[key]
        ]

    def _subscription(self, row: Row) -> Fields:
        record = row.record
        return self._links(record) | {
            "id": base64.b64encode(f"SubscriptionType:{row.serial}".encode()).decode(),
            "product": self.linked("products", record["product"]),
            "cancelReasonCode": reason_of(record),
            "prepaidSubscriptionContext": spelled(record["prepaid_subscription_context"]),
            "freeTrialSubscriptionContext": self._trial(record),
            "components": [self._component(part) for part in record["components"] or ()],
            "grantees": [spelled(part) for part in record["grantees"] or ()],
            "queuedActions": queued_for(record),
        }

    def _trial(self, record: Record) -> Fields | None:
        trial = record.get("free_trial_subscription_context")
        if not trial:
            return None
        text = trial["expiration"]
        hours, minutes, seconds = (int(part) for part in text[11:19].split(":"))
        until = self.books.wall.instant(day_number(text), hours * 3_600 + minutes * 60 + seconds)
        return {
            "days": trial["days"],
            "expiration": iso(until),
            "isInFreeTrial": trial["is_in_free_trial"],
            "conversionItem": str(trial["conversion_item"]),
            "product": self.linked("products", trial["product"]),
        }

    def _component(self, part: Record) -> Fields:
        linked = self.linked("products", part["product"])
        return {"publicId": part["public_id"], "quantity": part["quantity"], "product": linked}

    def _product(self, row: Row) -> Fields:
        record = row.record
        return {
            "groups": [spelled(group) for group in record["groups"]],
            "swappableProducts": lambda _: [
                self.plain(other) | {"groups": [spelled(group) for group in other.record["groups"]]}
                for other in self.books.rows("products")
                if other is not row
                and record["groups"]
                and other.record["groups"] == record["groups"]
            ],
        }

    def _payment(self, row: Row) -> Fields:
        return {
            "paymentMethod": METHODS.get(row.record["payment_method"]),
            "billingAddress": self.linked("addresses", row.record["billing_address"]),
        }

    def _address(self, row: Row) -> Fields:
        # not null here, while the REST door shows null for places without states
        return {"stateProvinceCode": row.record["state_province_code"] or ""}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def spelled(record: Record | None) -> Fields | None:
    return {camel(name): value for name, value in record.items()} if record else None


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def iso(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).astimezone(CENTRAL).isoformat()


def midnight(text: str | None) -> str | None:
    """A day as the documented sample shows it: its midnight in Chicago."""
    if not text:
        return None
    day = date.fromisoformat(text[:10])
    return datetime(day.year, day.month, day.day, tzinfo=CENTRAL).isoformat()


def discount(incentive: Record) -> Fields:
    return {"__typename": "DiscountIncentiveType"} | (spelled(incentive) or {})


def applied(target: str, one: Fields) -> Fields:
    """An incentive as it was applied: a grant with its discount, or the offer of an item."""
    record, is_grant = one["record"], one["kind"] == "one_time"
    incentive = record["incentive"] if is_grant else None
    return {
        "status": "applied",
        "target": target,
        "targetPublicId": one["target"],
        "incentive": discount(incentive)
        if incentive
        else {
            "__typename": "BaseIncentiveType",
            "name": "standing offer",
            "publicId": record["offer"],
        },
        "source": {
            "publicId": record["public_id"] if is_grant else record["offer"],
            "sourceType": one["kind"],
            "externalCode": record.get("external_code"),
            "description": record.get("description"),
            "stackingType": 1 if is_grant else None,
        },
        "application": {
            "discountedAmount": incentive["value"] if incentive else "1.00",
            "ordinal": 1,
        },
    }


def gift_of(record: Record) -> Fields | None:
    """Every third one-time item is a gift."""
    if not record["one_time"] or int(record["public_id"][:4], 16) % 3:
        return None
    return {
        "canChangeQuantity": False,
        "canSwapSku": True,
        "gift": {"name": "gift", "publicId": record["public_id"][::-1], "target": "order"},
    }


def reason_of(record: Record) -> Fields | None:
    code = (record["cancel_reason_code"] or "").partition("|")[0]
    if not code:
        return None
    return {"code": int(code), "reason": (record["cancel_reason"] or "").partition("|")[2]}


def queued_for(record: Record) -> list[Fields]:
    """Every fifth subscription that runs has its next delivery left out beforehand."""
    if not record["live"] or int(record["public_id"][:4], 16) % 5:
        return []
    return [
        {
            "publicId": record["public_id"][::-1],
            "index": 0,
            "ordinal": 1,
            "skip": True,
            "date": midnight(record["start_date"]),
        }
    ]
