"""Daily files as Ordergroove drops them: CSV reports of what changed on a day, named by the time.

What the documentation leaves open is assumed: a delta tells of the calendar day before, Central
time, with the values of now; an order is in it from the day on which it no longer waits.
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sources.ordergroove.sandbox.merchant import WAITING
from sources.ordergroove.sandbox.store import Record, Row
from sources.ordergroove.sandbox.world import World

Line = Mapping[str, Any]

NAMINGS: Mapping[str, str] = MappingProxyType(
    {
        "rule": "{merchant}_{report}__{kind}{now:%d%m%Y%H%M%S}.csv",
        "sample": "{merchant}_{report}_{now:%Y%m%d}_{kind}.csv",
        "help": "{merchant}_{report}_{now:%m%d%Y%H%M%S}.csv",
    }
)
"""How the documentation names files, by the page that does; the last tells no kind."""

STATUSES = {3: "Rejected", 4: "Cancelled", 5: "Success"}
"""The words that are documented; the others are assumed."""

AMERICAN, CRM_STAMP, ISO = "%m/%d/%Y", "%m%d%Y%H%M%S", "%Y-%m-%d"
CLOCK = " %H:%M:%S"


@dataclass(frozen=True, kw_only=True)
class Export:
    """One report: what it tells of, and its lines for one record; keys are the header."""

    entity: str
    lines: Callable[[World, Row], Iterable[Line]]
    header: tuple[str, ...]
    tells_of: Callable[[Record], bool] = lambda record: True


def drop(
    world: World,
    directory: Path,
    report: str,
    *,
    kind: str = "delta",
    naming: str = "help",
    merchant: str = "shop",
) -> Path:
    """Writes a report into a file named by now: `full`, or the `delta` of the day before."""
    export = EXPORTS[report]
    central, until = world.shop.central, world.shop.today
    day = (central.instant(until - 1), central.instant(until))
    rows = [
        row
        for row in world.rows(export.entity)
        if export.tells_of(row.record) and (kind == "full" or day[0] <= row.updated_at < day[1])
    ]
    now = datetime.fromisoformat(central.text(world.shop.now))
    name = NAMINGS[naming].format(merchant=merchant, report=report, kind=kind, now=now)
    with (directory / name).open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, export.header)
        out.writeheader()
        out.writerows(line for row in rows for line in export.lines(world, row))
    return directory / name


def crm_lines(world: World, row: Row) -> Iterable[Line]:
    told = row.record
    customer = world.shop.get("customers", told["customer"])
    key = str(told["public_id"])
    waiting = world.shop.record("orders", world.next_order(key)) if world.items_of(key) else None
    return [
        {
            "og_subscription_id": key,
            "customer_id": customer.serial,
            "customer_email": customer.record["email"],
            "subscription_create_date": shown(told["created"], CRM_STAMP),
            "merchant order ID": told["merchant_order_id"],
            "external product ID": told["product"],
            "SKU": product_of(world, told)["sku"],
            "quantity": told["quantity"],
            "frequency": told["frequency_days"],
            "subscription_status": int(told["live"]),
            "next_order_date": shown(waiting["place"], CRM_STAMP) if waiting else "",
        }
    ]


def subscription_lines(world: World, row: Row, day: str = AMERICAN) -> Iterable[Line]:
    told = row.record
    customer = world.shop.get("customers", told["customer"])
    is_new = customer.record["created"] == told["created"]
    return [
        {
            "Merchant": "Sandbox",
            "Ordergroove User ID": customer.serial,
            "Merchant User ID": told["customer"],
            "Create Date": shown(told["created"], day),
            "Create Time": shown(told["created"], day + CLOCK),
            "Start Date": shown(told["start_date"], day),
            "Customer Status": "New customer" if is_new else "Existing customer",
            "Subscription ID": row.serial,
            "Public Subscription ID": told["public_id"],
            # offers have no internal id here
            "Offer ID": "",
            "Merchant Order ID": told["merchant_order_id"],
        }
    ]


def cancelled_lines(world: World, row: Row) -> Iterable[Line]:
    # the published samples of this report write days otherwise than its description says
    return [{**line, "Guest Checkout": "No"} for line in subscription_lines(world, row, ISO)]


def order_lines(world: World, row: Row) -> Iterable[Line]:
    told = row.record
    customer = world.shop.get("customers", told["customer"])
    code = re.search(r"\d{3}", told["rejected_message"] or "")
    whole = {
        "Merchant": "Sandbox",
        "Ordergroove User ID": customer.serial,
        "Merchant User ID": told["customer"],
        "Place Date": shown(told["place"], AMERICAN),
        "Ordergroove Order ID": row.serial,
        "Email Address": customer.record["email"],
        "First Name": customer.record["first_name"],
        "Last Name": customer.record["last_name"],
        "Order Subtotal": told["sub_total"],
        "Order Status": STATUSES.get(told["status"], f"Status {told['status']}"),
        "Merchant Order ID": told["order_merchant_id"],
        "Rejected Error Code": code[0] if code else "",
    }
    items = world.shop.items_of.get(told["public_id"], {}).values()
    return [whole | item_part(world, item.record) for item in items]


def item_part(world: World, item: Record) -> dict[str, Any]:
    subscription = world.find("subscriptions", item["subscription"] or "")
    product = product_of(world, item)
    return {
        "Ordergroove Subscription ID": subscription.serial if subscription else "",
        "Product": product["name"],
        "External Product ID": item["product"],
        "SKU": product["sku"],
        "Quantity": item["quantity"],
        "Price": item["price"],
    }


def product_of(world: World, record: Record) -> Record:
    found = world.find("products", record["product"] or "")
    return found.record if found else {"name": "", "sku": ""}


def shown(stamp: str, form: str) -> str:
    return datetime.fromisoformat(stamp).strftime(form)


SUBSCRIPTION_HEADER = (
    "Merchant", "Ordergroove User ID", "Merchant User ID", "Create Date", "Create Time",
    "Start Date", "Customer Status", "Subscription ID", "Public Subscription ID", "Offer ID",
    "Merchant Order ID",
)  # fmt: skip
EXPORTS: Mapping[str, Export] = MappingProxyType(
    {
        "crm_subscription": Export(
            entity="subscriptions",
            lines=crm_lines,
            header=(
                "og_subscription_id", "customer_id", "customer_email", "subscription_create_date",
                "merchant order ID", "external product ID", "SKU", "quantity", "frequency",
                "subscription_status", "next_order_date",
            ),
        ),
        "subscription": Export(
            entity="subscriptions", lines=subscription_lines, header=SUBSCRIPTION_HEADER
        ),
        "cancelled_subscriptions": Export(
            entity="subscriptions",
            lines=cancelled_lines,
            header=(*SUBSCRIPTION_HEADER, "Guest Checkout"),
            tells_of=lambda record: not record["live"],
        ),
        "orders": Export(
            entity="orders",
            lines=order_lines,
            header=(
                "Merchant", "Ordergroove User ID", "Merchant User ID", "Place Date",
                "Ordergroove Order ID", "Ordergroove Subscription ID", "Email Address",
                "First Name", "Last Name", "Product", "External Product ID", "SKU", "Quantity",
                "Price", "Order Subtotal", "Order Status", "Merchant Order ID",
                "Rejected Error Code",
            ),
            tells_of=lambda record: record["status"] != WAITING,
        ),
    }
)  # fmt: skip
