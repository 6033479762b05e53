"""A second Ordergroove, written from the documentation alone, that shares no code with the sandbox.

Whatever the documentation leaves open is otherwise here: ids are short or numbers, fields come in
reverse and with unknown ones between, purchases are taken under the path with a slash at its end
and with 201, a result is not visible at first, pages hold two records, the clock is Eastern.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit
from zoneinfo import ZoneInfo

KEY = "another-key"
EASTERN = ZoneInfo("America/New_York")
PAGE = 2
STAMPS = {
    "customers": ("merchant_user_id", "updated_start", "last_updated"),
    "subscriptions": ("public_id", "updated_start", "updated"),
    "orders": ("public_id", "updated_start", "updated"),
    "items": ("public_id", "order_updated_start", "order_updated"),
    "products": ("external_product_id", "", ""),
}
"""Lists with their key, change filter and stamp, as the documentation names them."""

Answer = tuple[int, Any]


def stamp() -> str:
    return f"{datetime.now(EASTERN):%Y-%m-%d %H:%M:%S}"


@dataclass(kw_only=True)
class Shop:
    """What the server knows, and how it behaves where nothing is documented."""

    unseen: int = 2
    """Questions for a result that are answered with 404 first, then as many with 202."""

    refused: tuple[str, ...] = ()
    """Products whose line fails."""

    redirects: bool = True
    """Whether the path without a slash leads to the other; else it is not found."""

    drops: int = 0
    """How many purchases are taken without an answer."""

    holds: threading.Event | None = None
    """The first purchase is answered when this is set, which the second one does."""

    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    asked: int = 0
    paths: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.tables = {name: {} for name in STAMPS}
        self.put("products", external_product_id="77", sku="SKU-77", live=True, merchant="m-1",
                 autoship_enabled=True, discontinued=False, product_type="standard")  # fmt: skip
        for number in range(3):
            self.made(f"someone {number}", "77", f"earlier-{number}")

    def put(self, name: str, **record: Any) -> None:
        backwards = {"novelty": {"a": [1]}, **dict(reversed(record.items())), "_zzz": None}
        self.tables[name][str(record[STAMPS[name][0]])] = backwards

    def made(self, customer: str, product: str, order_id: str) -> str:
        """A subscription with what hangs on it."""
        number = len(self.tables["subscriptions"]) + 1
        now = stamp()
        base = {"merchant": "m-1", "customer": customer}
        self.put("customers", merchant_user_id=customer, merchant="m-1", live=True, created=now,
                 last_updated=now)  # fmt: skip
        self.put("subscriptions", public_id=f"S{number}", live=True, product=product, quantity=1,
                 merchant_order_id=order_id, created=now, updated=now, **base)  # fmt: skip
        self.put("orders", public_id=f"O{number}", status=1, created=now, updated=now,
                 place="2030-01-01 00:00:00", total="0.00", **base)  # fmt: skip
        self.put("items", public_id=f"I{number}", order=f"O{number}", product=product, quantity=1,
                 subscription=f"S{number}", order_updated=now)  # fmt: skip
        return f"S{number}"

    def answer(self, method: str, url: str, body: bytes) -> Answer | None:
        """None: the connection ends without one."""
        parts = urlsplit(url)
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        match method, steps:
            case "POST", ["subscription", "create"]:
                return self.bought(parts.path, body)
            case "GET", ["subscription", "4711", "response"]:
                return self.result()
            case "PATCH", ["subscriptions", key, "cancel"]:
                return self.cancelled(key)
            case "GET", [name] if name in STAMPS:
                return self.listed(name, url)
            case "GET", [name, key] if name in STAMPS and key in self.tables[name]:
                return 200, self.tables[name][key]
        return 404, {"detail": "Not found."}

    def bought(self, path: str, body: bytes) -> Answer | None:
        self.paths.append(path)
        if not path.endswith("/"):
            return (308, f"{path}/") if self.redirects else (404, {"detail": "Not found."})
        (text,) = parse_qs(body.decode("ascii"))["create_request"]
        wish = json.loads(text)
        order_id = wish["merchant_order_id"]
        if order_id in self.taken:
            if self.holds:
                self.holds.set()
            return 409, None
        self.taken.append(order_id)
        failed = [p for p in wish["products"] if p["product"] in self.refused]
        lines = [p["product"] for p in wish["products"] if p not in failed]
        made = [
            {product: self.made(wish["user"]["user_id"], product, order_id)} for product in lines
        ]
        said = [{"product": p["product"], "subscription": {"quantity": ["no"]}} for p in failed]
        self.outcome = {
            "errors": {"subscriptions": said} if said else {},
            "subscriptions": made,
            "payment": None,
            "customer": wish["user"]["user_id"],
        }
        if failed and made:
            return 207, self.outcome
        if len(self.taken) <= self.drops:
            return None
        return 201, {"extra": [], "subs_req_id": 4711, "result": "ok"}

    def result(self) -> Answer:
        self.asked += 1
        if self.asked <= self.unseen:
            return 404, {"detail": "Not found"}
        if self.asked <= 2 * self.unseen:
            return 202, "The response is not there yet."
        return 200, self.outcome

    def cancelled(self, key: str) -> Answer:
        if key not in self.tables["subscriptions"]:
            return 404, {"detail": "Not found."}
        found = self.tables["subscriptions"][key]
        found |= {"live": False, "cancelled": stamp(), "updated": stamp()}
        # what was not placed yet is deleted, the order with its last item
        for name in ("orders", "items"):
            self.tables[name].pop(f"{name[0].upper()}{key[1:]}", None)
        return 200, found

    def listed(self, name: str, url: str) -> Answer:
        _, filtered, changed = STAMPS[name]
        query = dict(parse_qsl(urlsplit(url).query))
        since = query.get(filtered, "").replace("T", " ")
        rows = [row for row in self.tables[name].values() if str(row.get(changed, "")) >= since]
        start = int(query.get("cursor", 0))
        more = urlencode({"cursor": start + PAGE, **({filtered: since} if since else {})})
        link = f"/{name}/?{more}" if len(rows) > start + PAGE else None
        return 200, {"results": rows[start : start + PAGE], "next": link, "seen": len(rows)}


def handler_for(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("x-api-key") != KEY:
                self.tell(403, {"detail": "Authentication Failed"})
                return
            with shop.lock:
                is_first = not shop.taken
                answer = shop.answer(self.command, self.path, body)
            if shop.holds is not None and is_first and shop.taken:
                shop.holds.wait(60)
                answer = None
            if answer is None:
                self.close_connection = True
                return
            self.tell(*answer)

        def tell(self, status: int, content: Any) -> None:
            text = b"" if content is None else json.dumps(content).encode()
            self.send_response_only(status)
            self.send_header("Date", format_datetime(datetime.now(UTC), usegmt=True))
            if status == 308:
                self.send_header("Location", content)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = reply  # noqa: N815 - names that the library looks for

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def another(**given: Any) -> Iterator[tuple[str, Shop]]:
    """Its address on this machine, and what it knows."""
    shop = Shop(**given)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(shop))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def environ(url: str) -> Mapping[str, str]:
    """The settings of somebody whose staging this is."""
    return {
        "ORDERGROOVE_ENVIRONMENT": "staging",
        "ORDERGROOVE_BASE_URL": url,
        "ORDERGROOVE_PURCHASE_URL": url,
        "ORDERGROOVE_API_KEY": KEY,
        "ORDERGROOVE_INBOX": "none",
    }
