"""What the test purchase asks for: one subscription, nothing paid, a first order far away."""

from collections.abc import Mapping
from typing import Any

import pendulum

from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError

CUSTOMER = "ordergroove-elt-canary"
FIRST_ORDER_IN_DAYS = 60
UNTOUCHED = "Nothing was sent."


def merchant_of(client: Client) -> str:
    """The merchant's public id, as any record names it. Raises ConfigError where none does."""
    for name in ("products", "customers"):
        for record in next(client.pages(ENTITIES[name], params={})).records:
            if isinstance(record, dict) and isinstance(record.get("merchant"), str):
                return str(record["merchant"])
    raise ConfigError(
        what="No product and no customer names the merchant.",
        do="Create a product in Ordergroove's staging environment.",
        state=UNTOUCHED,
    )


def product_of(client: Client) -> tuple[str, str]:
    """Id and SKU of a plain product that can be subscribed to. Raises ConfigError without one."""
    for page in client.pages(ENTITIES["products"], params={}):
        for record in page.records:
            if isinstance(record, dict) and is_plain(record):
                product = str(record["external_product_id"])
                return product, str(record.get("sku") or product)
    raise ConfigError(
        what="There is no live product that can be subscribed to.",
        do="Name one with --product.",
        state=UNTOUCHED,
    )


def is_plain(product: Mapping[str, Any]) -> bool:
    return bool(
        product.get("live")
        and product.get("autoship_enabled")
        and not product.get("discontinued")
        and product.get("product_type") in (None, "standard")
        and product.get("external_product_id")
    )


def purchase_of(merchant: str, order_id: str, product: str, sku: str) -> dict[str, Any]:
    """The purchase: nothing paid, a first order far away, an address nobody lives at."""
    name = {"first_name": "Canary", "last_name": "Test"}
    place = pendulum.now("America/Chicago").add(days=FIRST_ORDER_IN_DAYS)
    address = {
        **name,
        "address": "1 Test Street",
        "city": "New York",
        "state_province_code": "NY",
        "zip_postal_code": "10001",
        "country_code": "US",
        "phone": "5550100",
    }
    return {
        "merchant_id": merchant,
        "merchant_order_id": order_id,
        "og_cart_tracking": False,
        "user": {
            "user_id": CUSTOMER,
            **name,
            "email": f"{CUSTOMER}@example.com",
            "shipping_address": address,
            "billing_address": address,
        },
        "payment": {"token_id": CUSTOMER, "label": "canary"},
        "products": [
            {
                "product": product,
                "sku": sku,
                "subscription_info": {
                    "quantity": 1,
                    "first_order_place_date": f"{place:%Y-%m-%d}",
                    "tracking_override": {"product": product, "every": 6, "every_period": 3},
                },
            }
        ],
    }
