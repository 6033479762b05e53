"""What the sandbox's merchant sells and on which terms: the entities that seldom change."""

from random import Random
from typing import Any

from sources.ordergroove.sandbox.store import Record, Row, Store
from sources.ordergroove.sandbox.vocabulary import (
    CANCEL_REASONS,
    CATEGORIES,
    DISCONTINUED_REASON,
    FAILED_PAYMENT_REASON,
    SIZES,
)

DAY_S = 86_400
GROUP_TYPES = ("eligibility", "incentive")


def money(cents: int) -> str:
    """Exact decimal text with two digits, from whole cents."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def cents(text: str) -> int:
    """Whole cents of an amount with two digits."""
    return int(text.replace(".", ""))


def hex_id(rng: Random) -> str:
    """32 lower-case hex digits, the form of every public_id."""
    return f"{rng.getrandbits(128):032x}"


def extra_data(rng: Random) -> Any:
    """One of the shapes in which the field has been seen: null, text that is JSON, object."""
    draw = rng.random()
    if draw < 0.7:
        return None
    if draw < 0.8:
        return '{"gift": true, "note": "für Oma"}'
    if draw < 0.9:
        return {"channel": rng.choice(("web", "app", "store")), "visits": rng.randrange(9)}
    return {} if draw < 0.95 else ""


def stock_shelves(store: Store, rng: Random, merchant: str, at: int) -> None:
    """Creates groups, resources, products, offer profiles and reasons to cancel at an instant."""
    for kind in GROUP_TYPES:
        for name, *_ in CATEGORIES:
            store.add("product_groups", {"name": name, "group_type": kind}, at)
    resources = [add_resource(store, rng, merchant, number, at) for number in range(1, 4)]
    add_products(store, rng, merchant, resources, at)
    add_offer_profiles(store, rng, merchant, at)
    for application in ("msi", "csa"):
        for code, _ in (*CANCEL_REASONS, DISCONTINUED_REASON, FAILED_PAYMENT_REASON):
            store.add("cancel_reasons", {"cancel_reason": code, "application": application}, at)


def add_resource(store: Store, rng: Random, merchant: str, number: int, at: int) -> Row:
    stamp = store.wall.text(at)
    record: Record = {
        "merchant": merchant,
        "public_id": hex_id(rng),
        "name": f"Brewing course {number}",
        "external_resource_id": f"course-{number}",
        "description": None if number == 3 else f"Unlocks part {number} of the course",
        "image_url": f"https://shop.example/resources/{number}.png",
        "created": stamp,
        "last_updated": stamp,
    }
    return store.add("resources", record, at)


def add_products(store: Store, rng: Random, merchant: str, resources: list[Row], at: int) -> None:
    """Two sizes of everything, then a bundle, a rotating product and a plan."""
    number = 0
    for group, lowest, _, _, names in CATEGORIES:
        for place, name in enumerate(names):
            for size, percent in SIZES:
                number += 1
                price = (lowest + place * 250) * percent // 100
                record = product_record(store, merchant, number, f"{name}, {size}", price, at)
                record["groups"] = [{"group_type": kind, "name": group} for kind in GROUP_TYPES]
                # one in thirteen was never meant for subscriptions: the list hides it by default
                record["autoship_enabled"] = number % 13 != 0
                record["extra_data"] = extra_data(rng)
                store.add("products", record, at + number)
    add_special_products(store, rng, merchant, resources, number, at)


def add_special_products(
    store: Store, rng: Random, merchant: str, resources: list[Row], number: int, at: int
) -> None:
    stamp = store.wall.text(at)
    bundle = product_record(store, merchant, number + 1, "Breakfast Box", 3999, at)
    bundle["product_type"] = "static price bundle"
    rotating = product_record(store, merchant, number + 2, "Roast of the Month", 1799, at)
    rotating["product_type"] = "rotating"
    rotating["product_selection_rules"] = [selection_rule(rng)]
    plan = product_record(store, merchant, number + 3, "Barista Plan", 990, at)
    plan["product_type"] = "plan"
    plan["product_resource_grants"] = [
        {
            "public_id": hex_id(rng),
            "resource": resources[0].record["public_id"],
            "product": plan["external_product_id"],
            "time_amount": 2_592_000,
            "grace_period": None,
            "created": stamp,
            "last_updated": stamp,
        }
    ]
    trial = {"public_id": hex_id(rng), "duration_in_days": 15}
    plan["product_free_trial_configurations"] = [trial | {"created": stamp, "last_updated": stamp}]
    for place, record in enumerate((bundle, rotating, plan), start=1):
        store.add("products", record, at + number + place)


def selection_rule(rng: Random) -> Record:
    """Three products that take turns."""
    elements = [
        {"public_id": hex_id(rng), "product": product_id(number), "starting_ordinal": str(place)}
        for place, number in enumerate((1, 3, 5))
    ]
    return {
        "public_id": hex_id(rng),
        "selection_rule_type": "ORDINAL",
        "product_selection_list_elements": elements,
        "configuration": {
            "reveal_moment": "ORDER_PLACEMENT",
            "pricing_policy": "BEST_PRICE",
            "cyclical_rotation_enabled": True,
        },
    }


def product_id(number: int) -> str:
    """The shop's own ids: digits, with leading zeros that count."""
    return f"{70_000_000 + number:010}"


def product_record(
    store: Store, merchant: str, number: int, name: str, price_cents: int, at: int
) -> Record:
    stamp = store.wall.text(at)
    return {
        "merchant": merchant,
        "groups": [],
        "name": name,
        "price": money(price_cents),
        "image_url": f"https://shop.example/images/{number}.jpg",
        "detail_url": f"https://shop.example/products/{number}",
        "external_product_id": product_id(number),
        "sku": f"SKU-{number:04}",
        "autoship_enabled": True,
        "prepaid_eligible": number % 4 == 0,
        "premier_enabled": 0,
        "created": stamp,
        "last_update": stamp,
        "live": True,
        "discontinued": False,
        "extra_data": None,
        "product_type": "standard",
        "autoship_by_default": number % 5 == 0,
        "every": None,
        "every_period": None,
        "offer_profile": None,
        "incentive_group": None,
        "product_selection_rules": [],
        "product_resource_grants": [],
        "product_free_trial_configurations": [],
    }


def add_offer_profiles(store: Store, rng: Random, merchant: str, at: int) -> None:
    """Two that are on offer, and one that is archived and hidden by default."""
    for number, (name, percent, status) in enumerate(
        (
            ("Default Offer Profile", 10, "available"),
            ("Loyal Customers", 15, "available"),
            ("Launch Week", 25, "archived"),
        )
    ):
        public_id = hex_id(rng)
        record: Record = {
            "public_id": public_id,
            "name": name,
            "merchant": merchant,
            "live": status == "available",
            "status": status,
            "weight": 100 if number == 0 else 0,
            "offers": [hex_id(rng) for _ in range(2)],
            "recurring_coupon": coupon(rng, public_id, name, percent),
            "initial_coupon": coupon(rng, public_id, name, 20) if number else None,
        }
        store.add("offer_profiles", record, at + number)


def coupon(rng: Random, profile: str, name: str, percent: int) -> Record:
    discount = {
        "public_id": hex_id(rng),
        "name": f"{percent}% off",
        "object": 1,
        "field": 2,
        "type": "discount_percent",
        "value": money(percent * 100),
        "threshold_field": None,
        "threshold_value": "0",
    }
    incentive = {
        "incentive_type": "discount_percent",
        "incentive_value": percent,
        "incentive_target": "order",
        "threshold_field": "",
        "threshold_value": "",
    }
    criteria = {
        "node_type": "PREMISE",
        "children": None,
        "standard": "PSI",
        "premise_value": "10",
        "premise_operand": "LESS_THAN",
    }
    flex = {"public_id": hex_id(rng), "offer_profile": profile, "criteria": criteria}
    return {
        "public_id": hex_id(rng),
        "name": name,
        "code": name.lower().replace(" ", "_"),
        "discounts": [discount],
        "standard_flex_incentives": [flex | {"incentives": [incentive]}],
    }
