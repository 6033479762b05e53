"""The sandbox's Purchase POST: takes a checkout, works it off later, and tells what became of it.

Assumptions that no page documents: an order id that was received before is answered with 409 at
once; the result is pending for some questions; customers are matched by their id, addresses and
payments by customer. Card data is not looked at.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from sources.ordergroove.sandbox.exchange import Answer, Ask, detail, json_answer

CREATE = re.compile(r"/subscription/create/?")
RESULT = re.compile(r"/subscription/([^/]+)/response/?")
CANCEL = re.compile(r"/subscriptions/([^/]+)/cancel/")
PENDING = b'"The response is still pending."'
STOREFRONT_KEY = b"sandbox-storefront-key"
NEEDED_OF_USER = ("user_id", "first_name", "last_name", "email")


@dataclass
class Desk:
    """What has come in, and how far it is."""

    world: Any
    pending: int = 1
    """How many questions for a result are answered with 202 first."""

    partial_status: int = 0
    """206 or 207: a purchase that fails in part is answered so at once; 0: by the result."""

    received: dict[str, str] = field(default_factory=dict)
    """Order ids with the id of their request."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def answer(self, ask: Ask) -> Answer | None:
        """The answer to a request that carries a valid key; None: not at this desk."""
        if CREATE.fullmatch(ask.path):
            return self.create(ask) if ask.method == "POST" else not_allowed(ask)
        if found := RESULT.fullmatch(ask.path):
            return self.result(found[1]) if ask.method == "GET" else not_allowed(ask)
        if (found := CANCEL.fullmatch(ask.path)) and ask.method == "PATCH":
            return self.cancel(found[1])
        return None

    def is_signed(self, ask: Ask) -> bool:
        """Whether a purchase carries the storefront signature of its customer.

        How old it is does not matter here: the sender's clock is another one than the world's.
        """
        try:
            told = orjson.loads(ask.headers.get("authorization", ""))
            customer, seconds, wish = told["sig_field"], told["ts"], wish_in(ask.body)
            text = f"{customer}|{seconds}".encode()
            right = base64.b64encode(hmac.digest(STOREFRONT_KEY, text, "sha256")).decode()
            return bool(
                CREATE.fullmatch(ask.path)
                and told["public_id"] == self.world.shop.public_id
                and type(seconds) is int
                and wish is not None
                and wish["user"]["user_id"] == customer
                and hmac.compare_digest(told["sig"], right)
            )
        except (ValueError, KeyError, TypeError):
            return False

    def create(self, ask: Ask) -> Answer:
        wish = wish_in(ask.body)
        if wish is None:
            return json_answer(400, {"error_message": "create_request is not valid JSON"})
        if refusal := self.refusal(wish):
            return json_answer(400, refusal)
        order_id = wish["merchant_order_id"]
        if order_id in self.received:
            return detail(409, "This order was already received.")
        request_id = f"{len(self.received) + 1:08d}-{order_id}"
        self.received[order_id] = request_id
        result = self.results[request_id] = self.work_off(wish)
        if self.partial_status and result["errors"]:
            return json_answer(self.partial_status, result)
        taken = {"result": "Subscription request received", "subs_req_id": request_id}
        return json_answer(200, taken)

    def refusal(self, wish: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is wrong with a request as a whole, in its documented shapes."""
        if wish.get("merchant_id") != self.world.shop.public_id:
            return {"error": f"Invalid Merchant {wish.get('merchant_id')}"}
        if not wish.get("merchant_order_id"):
            return {"error_message": "Merchant order id cannot be null"}
        if wish.get("og_cart_tracking", True) and not wish.get("session_id"):
            return {"error_message": "Session id cannot be null"}
        user = wish.get("user") or {}
        missing = {
            name: [f"{name} is a required field"] for name in NEEDED_OF_USER if not user.get(name)
        }
        if missing:
            return {"errors": {"customer": missing}}
        if not wish.get("products"):
            return {"errors": {"products": "Products is a required field."}}
        if not wish.get("payment") and any("subscription_info" in p for p in lines_of(wish)):
            return {"error_message": "Missing payment data to create record"}
        return None

    def work_off(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Creates what can be created; the result names what was and what was not."""
        world = self.world
        customer = world.customer_for(wish["user"])
        result: dict[str, Any] = {"customer": customer, "payment": None, "shipping_address": None}
        made: list[dict[str, str]] = []
        failed: list[dict[str, Any]] = []
        for line in lines_of(wish):
            info = line.get("subscription_info")
            if info is None:
                continue
            product = str(line.get("product"))
            if world.find("products", product) is None:
                text = f"Object with external_product_id={product} does not exist."
                failed.append({"product": product, "subscription": {"product": [text]}})
                continue
            rhythm = info.get("tracking_override") or line.get("tracking_override") or {}
            subscription = world.subscribe(
                customer,
                product=product,
                every=int(rhythm.get("every", 1)),
                every_period=int(rhythm.get("every_period", 3)),
                quantity=int(info.get("quantity", 1)),
            )
            world.edit("subscriptions", subscription, merchant_order_id=wish["merchant_order_id"])
            made.append({product: subscription})
        errors = {"subscriptions": failed} if failed else {}
        return result | {"subscriptions": made, "errors": errors}

    def result(self, request_id: str) -> Answer:
        request_id = unquote(request_id)
        if request_id not in self.results:
            return detail(404, "Not found")
        self.asked[request_id] = self.asked.get(request_id, 0) + 1
        if self.asked[request_id] <= self.pending:
            return Answer(status=202, headers={"Content-Type": "text/plain"}, body=PENDING)
        return json_answer(200, self.results[request_id])

    def cancel(self, public_id: str) -> Answer:
        row = self.world.find("subscriptions", unquote(public_id))
        if row is None:
            return detail(404, "Unable to find requested asset.")
        if row.record["prepaid_subscription_context"]:
            return detail(400, "Prepaid subscriptions cannot be cancelled here.")
        if row.record["live"]:
            self.world.cancel_subscription(row.record["public_id"])
        return json_answer(200, row.record)


def is_desk(path: str) -> bool:
    return any(known.fullmatch(path) for known in (CREATE, RESULT, CANCEL))


def wish_in(body: bytes) -> dict[str, Any] | None:
    """The purchase in a form body, encoded as a whole or string by string."""
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, separator="&")
        found = orjson.loads(fields["create_request"][0])
    except (ValueError, KeyError):
        return None
    return found if isinstance(found, dict) else None


def lines_of(wish: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The products, of which a lone one may come without a list."""
    products = wish["products"]
    return [line for line in (products if isinstance(products, list) else [products]) if line]


def not_allowed(ask: Ask) -> Answer:
    return detail(405, f'Method "{ask.method}" not allowed.')
