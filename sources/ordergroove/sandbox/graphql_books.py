"""What the GraphQL door's root fields find: single objects, and lists page by page."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from sources.ordergroove.sandbox.graphql_shapes import Books, Fields, Shapes
from sources.ordergroove.sandbox.store import Record, Row

DEFAULT_PAGE = 10
LARGEST_PAGE = 100


class Roots:
    """What the root fields answer with."""

    def __init__(self, books: Books, *, has_bulk: bool) -> None:
        self.books = books
        self.has_bulk = has_bulk
        self.shapes = Shapes(books)

    def fields(self) -> Fields:
        return {
            "order": lambda info, publicId: self.one("orders", publicId),  # noqa: N803
            "subscription": lambda info, publicId: self.one("subscriptions", publicId),  # noqa: N803
            "orders": lambda info, **asked: self.orders(asked),
            "subscriptions": lambda info, **asked: self.subscriptions(asked),
        }

    def one(self, entity: str, key: str) -> Fields | None:
        row = self.books.find(entity, key)
        return None if row is None else self.shapes.shape(entity, row)

    def orders(self, asked: Mapping[str, Any]) -> Fields:
        self._need_customer(asked, "customer", "subscription")
        low, high = asked.get("placeStart"), asked.get("placeEnd")
        day, statuses = asked.get("place"), asked.get("status")

        def wanted(record: Record) -> bool:
            placed = (record["place"] or "")[:10]
            subscription = asked.get("subscription")
            return (
                asked.get("customer") in (None, record["customer"])
                and (statuses is None or record["status"] in statuses)
                and day in (None, placed)
                and (low is None or low <= placed)
                and (high is None or placed <= high)
                and (
                    subscription is None
                    or subscription in self.books.subscriptions_in(record["public_id"])
                )
            )

        return self._connection("orders", wanted, asked)

    def subscriptions(self, asked: Mapping[str, Any]) -> Fields:
        live, customer = asked.get("live"), asked.get("customer")
        if live is not None and customer is None:
            raise ValueError("`live` needs a customer.")
        self._need_customer(asked, "customer")
        return self._connection(
            "subscriptions",
            lambda record: (
                customer in (None, record["customer"]) and live in (None, record["live"])
            ),
            asked,
        )

    def _need_customer(self, asked: Mapping[str, Any], *names: str) -> None:
        if not self.has_bulk and not any(asked.get(name) for name in names):
            raise ValueError("You do not have permission to query without a customer.")

    def _connection(
        self, entity: str, wanted: Callable[[Record], bool], asked: Mapping[str, Any]
    ) -> Fields:
        rows = sorted(
            (row for row in self.books.rows(entity) if wanted(row.record)),
            key=lambda row: row.serial,
        )
        after, before = place_of(asked.get("after")), place_of(asked.get("before"))
        left = [
            row
            for row in rows
            if (after is None or row.serial > after) and (before is None or row.serial < before)
        ]
        is_backward = asked.get("last") is not None and asked.get("first") is None
        size = asked.get("last") if is_backward else asked.get("first")
        size = DEFAULT_PAGE if size is None else size
        if not 0 < size <= LARGEST_PAGE:
            raise ValueError(f"A page holds between 1 and {LARGEST_PAGE} records.")
        shown = left[-size:] if is_backward else left[:size]
        edges = [
            {"cursor": cursor_of(row), "node": self.shapes.shape(entity, row)} for row in shown
        ]
        return {
            "edges": edges,
            "pageInfo": {
                "hasNextPage": bool(shown) and shown[-1].serial < rows[-1].serial,
                "hasPreviousPage": bool(shown) and shown[0].serial > rows[0].serial,
                "startCursor": edges[0]["cursor"] if edges else None,
                "endCursor": edges[-1]["cursor"] if edges else None,
            },
        }


def cursor_of(row: Row) -> str:
    return base64.b64encode(f"row:{row.serial}".encode()).decode()


def place_of(cursor: str | None) -> int | None:
    """The internal id that a cursor stands for. Raises ValueError for one never given out."""
    if cursor is None:
        return None
    try:
        kind, _, serial = base64.b64decode(cursor, validate=True).decode("ascii").partition(":")
        if kind == "row":
            return int(serial)
    except (binascii.Error, ValueError):
        pass
    raise ValueError("Invalid cursor.")
