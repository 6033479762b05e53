"""A second server for orders, items and subscriptions, written from the documentation alone.

It shares no code with the sandbox, only a world's records, and decides otherwise whatever is left
open: lists come by key and backwards, pages are shorter than asked for, a cursor names the row it
stands after, what is not found is told in several ways, and records have fields nobody knows.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from itertools import count
from typing import Any, Protocol

import httpx

Record = Mapping[str, Any]

LISTS = {
    "orders": "updated",
    "items": "order_updated",
    "subscriptions": "updated",
}
"""Each list with the stamp that its records carry; all of them filter by the order's or their own
`updated`, items by a parameter that is named after the order's."""

EQUAL = {"orders": ("customer", "status"), "items": ("order", "subscription")}
LARGEST_PAGE = 23
MISSING = (
    (b'{"detail":"Not found."}', "application/json"),
    (b'{"detail":"No Order matches the given query."}', "application/json"),
    (b"<html><h1>Not Found</h1></html>", "text/html"),
    (b"", "text/plain"),
)


class Shop(Protocol):
    """What the records are taken from."""

    @property
    def now(self) -> datetime: ...
    def truth(self, entity: str) -> list[dict[str, Any]]: ...


class OtherServer:
    """Answers for httpx, in memory. `on_page` is called after each page of a list."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.shop, self.key = shop, key
        self.on_page: Callable[[], None] = lambda: None
        self.missing = count()

    def handle(self, request: httpx.Request) -> httpx.Response:
        name, _, key = request.url.path.strip("/").partition("/")
        if request.headers.get("x-api-key") != self.key:
            answer = httpx.Response(403, json={"detail": "Invalid API key."})
        elif request.method != "GET" or name not in LISTS or not request.url.path.endswith("/"):
            answer = self.not_found()
        else:
            answer = self.single(name, key) if key else self.page(request, name)
        answer.headers["Date"] = format_datetime(self.shop.now, usegmt=True)
        if not key:
            self.on_page()
        return answer

    def single(self, name: str, key: str) -> httpx.Response:
        for record in self.shop.truth(name):
            if record["public_id"] == key:
                return httpx.Response(200, json=shown(record))
        return self.not_found()

    def not_found(self) -> httpx.Response:
        body, kind = MISSING[next(self.missing) % len(MISSING)]
        return httpx.Response(404, content=body, headers={"Content-Type": kind})

    def page(self, request: httpx.Request, name: str) -> httpx.Response:
        asked = dict(request.url.params)
        try:
            after = base64.urlsafe_b64decode(asked.pop("cursor", "")).decode()
        except (binascii.Error, UnicodeDecodeError):
            return httpx.Response(404, json={"detail": "Invalid cursor"})
        size = min(int(asked.get("page_size", "10")), LARGEST_PAGE)
        fitting = sorted(
            (record for record in self.shop.truth(name) if is_wanted(name, record, asked)),
            key=lambda record: str(record["public_id"]),
            reverse=True,
        )
        rest = [record for record in fitting if not after or record["public_id"] < after]
        found, onward = rest[:size], None
        if len(rest) > size:
            cursor = base64.urlsafe_b64encode(str(found[-1]["public_id"]).encode()).decode()
            onward = str(request.url.copy_merge_params({"cursor": cursor}))
        return httpx.Response(
            200,
            json={
                "results": [shown(record) for record in found],
                "meta": {"took_ms": 3},
                "previous": None,
                "next": onward,
            },
        )


def is_wanted(name: str, record: Record, asked: Mapping[str, str]) -> bool:
    prefix = "order_updated" if name == "items" else "updated"
    stamp = record[LISTS[name]]
    if (since := asked.get(f"{prefix}_start")) and stamp < since.replace("T", " "):
        return False
    if (until := asked.get(f"{prefix}_end")) and stamp > until.replace("T", " "):
        return False
    fields = [field for field in EQUAL.get(name, ()) if field in asked]
    return all(str(record[field]) == asked[field] for field in fields)


def shown(record: Record) -> dict[str, Any]:
    """The record with more than the documentation tells, in another order."""
    return {
        "_links": {"self": record["public_id"]},
        **dict(reversed([*record.items()])),
        "rank": None,
    }
