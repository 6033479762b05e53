"""Purchases that this tool has sent, in the table `purchase_requests`: state, ids, errors."""

import json
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipelines.ordergroove.keyed_rows import keyed_rows
from pipelines.ordergroove.package import run_resources
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.clock import UTC_STAMP
from sources.ordergroove.purchase.client import Purchases
from sources.ordergroove.purchase.outcome import Outcome

TABLE = "purchase_requests"
SCHEMA = pa.schema(
    [
        ("merchant_order_id", pa.string()),
        ("environment", pa.string()),
        ("sent_at", UTC_STAMP),
        ("finished_at", UTC_STAMP),
        ("state", pa.string()),
        ("status", pa.int64()),
        ("sends", pa.int64()),
        ("request_id", pa.string()),
        ("customer", pa.string()),
        ("payment", pa.string()),
        ("lines", pa.int64()),
        ("subscriptions", pa.string()),
        ("errors", pa.string()),
    ]
)
REFERENCES = {"customer": "customers.merchant_user_id"}
"""Columns that name something else in the warehouse, as `table.column`."""

PERSONAL = ("errors",)
"""Columns that may hold something about a person: the server's own words on what was sent."""

JSON = {"data_type": "json"}


def purchases_at(settings: Settings, url: str, *, result_limit_s: float = 0.0) -> Purchases:
    """A client of one of Ordergroove's hosts, that waits so long for the result of a purchase.

    Raises ConfigError when there is no key.
    """
    return Purchases(
        base_url=url,
        key=settings.need_api_key(),
        storefront_key=settings.storefront_key.reveal() if settings.storefront_key else None,
        connect_timeout_s=settings.connect_timeout.total_seconds(),
        # documented: answers take a second, and nobody should wait for more than five
        read_timeout_s=min(5.0, settings.read_timeout.total_seconds()),
        retry_limit_s=settings.retry_limit.total_seconds(),
        result_limit_s=result_limit_s,
    )


def write_down(
    settings: Settings, outcome: Outcome, *, lines: int, sent_at: datetime, now: datetime
) -> None:
    """Loads the row of one purchase. Raises Held and ConfigError as every write does."""
    row = row_of(settings, outcome, lines=lines, sent_at=sent_at, now=now)
    rows = keyed_rows(
        TABLE,
        [row],
        schema=SCHEMA,
        key=("merchant_order_id",),
        hints={"subscriptions": JSON, "errors": JSON},
    )
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        run_resources(warehouse.pipeline(scratch), [rows])


def row_of(
    settings: Settings, outcome: Outcome, *, lines: int, sent_at: datetime, now: datetime
) -> dict[str, Any]:
    made = [{"product": product, "subscription": key} for product, key in outcome.subscriptions]
    return {
        "merchant_order_id": outcome.merchant_order_id,
        "environment": settings.environment,
        "sent_at": sent_at,
        "finished_at": now if outcome.is_over else None,
        "state": outcome.state,
        "status": outcome.status,
        "sends": outcome.sends,
        "request_id": outcome.request_id,
        "customer": outcome.customer,
        "payment": outcome.payment,
        "lines": lines,
        "subscriptions": json.dumps(made),
        "errors": json.dumps(list(outcome.errors)),
    }
