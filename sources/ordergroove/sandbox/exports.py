"""Daily files as Ordergroove drops them: CSV reports of what changed, named by the time."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sources.ordergroove.sandbox.world import World

CENTRAL = ZoneInfo("America/Chicago")
CRM_HEADER = (
    "og_subscription_id", "customer_id", "customer_email", "subscription_create_date",
    "merchant order ID", "external product ID", "SKU", "quantity", "frequency",
    "subscription_status", "next_order_date",
)  # fmt: skip
DAYS_OF_PERIOD = {1: 1, 2: 7, 3: 30}


def drop_crm_report(world: World, directory: Path, *, merchant: str = "shop") -> Path:
    """Writes the subscriptions that changed in the day before now, into a file named by now."""
    now = world.now.astimezone(CENTRAL)
    since = world.wall.text(int((world.now - timedelta(days=1)).timestamp()))
    changed = [row for row in world.truth("subscriptions") if str(row["updated"]) >= since]
    path = directory / f"{merchant}_crm_subscription_{now:%m%d%Y%H%M%S}.csv"
    write(path, CRM_HEADER, map(crm_line, changed))
    return path


def crm_line(row: dict[str, Any]) -> Sequence[Any]:
    made = datetime.fromisoformat(str(row["created"]))
    days = int(row["every"] or 0) * DAYS_OF_PERIOD.get(int(row["every_period"] or 0), 1)
    return (
        row["public_id"], "", "", f"{made:%m%d%Y%H%M%S}", row["merchant_order_id"] or "",
        row["product"], "", row["quantity"], days, int(bool(row["live"])), "",
    )  # fmt: skip


def write(path: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(header)
        out.writerows(lines)
