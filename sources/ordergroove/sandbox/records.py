"""New records as the API shows them, field by field. Pure: what varies is passed in."""

from typing import Any

from sources.ordergroove.sandbox.catalog import money
from sources.ordergroove.sandbox.store import Record


def customer_record(
    *, merchant: str, user_id: str, token: str, name: tuple[str, str], locale: Any, extra: Any,
    stamp: str,
) -> Record:  # fmt: skip
    first, last = name
    digits = user_id[-7:]
    return {
        "merchant": merchant,
        "merchant_user_id": user_id,
        "session_id": f"{merchant}.{int(digits)}.{stamp[:4]}",
        "user_token_id": token,
        "first_name": first,
        "last_name": last,
        "email": f"customer{user_id}@mail.example",
        "phone_number": None if digits.endswith("7") else f"+1555{digits}",
        "phone_type": None if digits.endswith("7") else 2,
        "live": True,
        "created": stamp,
        "last_updated": stamp,
        "last_login": None if digits.endswith("3") else stamp,
        "extra_data": extra,
        "locale": locale,
        "price_code": "prom_customer" if digits.endswith("9") else None,
        "experiences": '{"reorder": true}' if digits.endswith("5") else None,
    }


def address_record(
    *, customer: Record, public_id: str, street: str, place: tuple[Any, ...], stamp: str
) -> Record:
    city, state, zip_code, country, _ = place
    return {
        "customer": customer["merchant_user_id"],
        "public_id": public_id,
        "label": None,
        "first_name": customer["first_name"],
        "last_name": customer["last_name"],
        "company_name": None,
        "address": street,
        "address2": None,
        "city": city,
        "state_province_code": state,
        "zip_postal_code": zip_code,
        "phone": customer["phone_number"],
        "fax": None,
        "country_code": country,
        "live": True,
        "created": stamp,
        "updated": stamp,
        "token_id": None,
        "store_public_id": None,
    }


def payment_record(
    *, customer: Record, address: str, public_id: str, token: str, card: int, stamp: str
) -> Record:
    """`card` is 0 for PayPal, else the number of a card type."""
    return {
        "customer": customer["merchant_user_id"],
        "billing_address": address,
        "cc_number_ending": f"{int(public_id[:4], 16) % 10_000:04}" if card else None,
        "public_id": public_id,
        "label": None,
        "token_id": token,
        "cc_holder": f"{customer['first_name']} {customer['last_name']}" if card else None,
        "cc_type": card or None,
        "cc_exp_date": f"{1 + card:02}/{int(stamp[:4]) + 3}" if card else None,
        "payment_method": "credit card" if card else "paypal",
        "live": True,
        "created": stamp,
        "last_updated": stamp,
    }


def subscription_record(
    *, customer: Record, public_id: str, product: str, payment: str, address: str, offer: str,
    quantity: int, rhythm: tuple[int, int], start: str, shop_order: str, extra: Any, stamp: str,
) -> Record:  # fmt: skip
    every, period = rhythm
    return {
        "customer": customer["merchant_user_id"],
        "merchant": customer["merchant"],
        "product": product,
        "payment": payment,
        "shipping_address": address,
        "offer": offer,
        "subscription_type": "Replenish",
        "raw_subscription_type": "replenishment",
        "components": [],
        "extra_data": extra,
        "public_id": public_id,
        "product_attribute": None,
        "quantity": quantity,
        "price": None,
        "frequency_days": every * {1: 1, 2: 7, 3: 30, 4: 365}[period],
        "reminder_days": 5,
        "every": every,
        "every_period": period,
        "start_date": start,
        "cancelled": None,
        "cancel_reason": None,
        "cancel_reason_code": None,
        "currency_code": "USD",
        "iteration": None,
        "sequence": None,
        "session_id": customer["session_id"],
        "merchant_order_id": shop_order,
        "external_id": None,
        "customer_rep": None,
        "club": None,
        "created": stamp,
        "updated": stamp,
        "live": True,
        "prepaid_subscription_context": {},
        "grantees": [],
    }


def order_record(
    *, merchant: str, customer: str, payment: str | None, address: str | None, public_id: str,
    place: str, extra: Any, stamp: str,
) -> Record:  # fmt: skip
    """An order that still waits, with nothing in it."""
    return {
        "merchant": merchant,
        "customer": customer,
        "payment": payment,
        "shipping_address": address,
        "public_id": public_id,
        "currency_code": "USD",
        "sub_total": "0.00",
        "tax_total": "0.00",
        "shipping_total": "0.00",
        "discount_total": "0.00",
        "total": "0.00",
        "created": stamp,
        "updated": stamp,
        "place": place,
        "cancelled": None,
        "tries": 0,
        "generic_error_count": 0,
        "status": 1,
        "type": 1,
        "order_merchant_id": None,
        "rejected_message": None,
        "extra_data": extra,
        "locked": False,
        "oos_free_shipping": False,
        "has_plan": False,
    }


def item_record(
    *, order: Record, public_id: str, subscription: Record | None, product: str | None,
    component: str | None, quantity: int,
) -> Record:  # fmt: skip
    """An item without a price yet."""
    return {
        "order": order["public_id"],
        "offer": subscription["offer"] if subscription else None,
        "subscription": subscription["public_id"] if subscription else None,
        "product": product,
        "components": [],
        "subscription_component": component,
        "quantity": quantity,
        "public_id": public_id,
        "product_attribute": None,
        "price": "0.00",
        "extra_cost": "0.00",
        "total_price": "0.00",
        "one_time": subscription is None,
        "order_updated": order["updated"],
        "frozen": False,
        "first_placed": None,
    }


def incentive_record(
    *, merchant: str, customer: str, order: str | None, item: str | None, ids: tuple[str, str],
    value_cents: int, expires: str, stamp: str,
) -> Record:  # fmt: skip
    """A discount for one order, or for one item of it."""
    target = "item" if item else "order"
    return {
        "public_id": ids[0],
        "external_code": f"thanks_{value_cents}",
        "description": "One-time Incentive",
        "merchant": merchant,
        "customer": customer,
        "order": order,
        "item": item,
        "created": stamp,
        "last_updated": stamp,
        "applied_at": None,
        "expires": expires,
        "stacking_type": "additional",
        "incentive": {
            "type": "Discount",
            "public_id": ids[1],
            "name": "thank you",
            "discount_type": "Discount Amount",
            "target": target,
            "field": "total_price" if item else "sub_total",
            "value": money(value_cents),
            "threshold_field": None,
            "threshold_value": None,
        },
    }
