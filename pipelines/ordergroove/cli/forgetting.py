"""The verb that erases a person: forget."""

import json
from dataclasses import asdict
from typing import Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_WAREHOUSE,
    as_json_option,
    settings_of,
    span_asked,
    with_settings,
)


@click.command()
@click.argument("customer")
@click.option("--lock-timeout", metavar="TIME", default="0", show_default=True,
              help="How long to wait for a warehouse that somebody holds, as in 30m.")  # fmt: skip
@as_json_option
@with_settings(*OF_WAREHOUSE, "inbox", "publish", "timezone")
def forget(customer: str, lock_timeout: str, as_json: bool, **flags: Any) -> None:
    """Erases a customer's personal data from tables, versions, events and inbox.

    CUSTOMER is the shop's own id, customers.merchant_user_id. Orders and their amounts stay, under
    a name made of a salted hash. Later syncs bring nothing of it back, and tell when Ordergroove
    still shows it. Ordergroove itself is not asked for anything.

    \b
      ordergroove forget 81734
      ordergroove forget 81734 --json
    """
    from pipelines.ordergroove.privacy.forget import forget as forgotten
    from pipelines.ordergroove.report import so_many

    settings = settings_of(flags)
    wait_s = span_asked("--lock-timeout", lock_timeout)
    erased = forgotten(settings, customer, lock_timeout_s=wait_s)
    if as_json:
        say(json.dumps(asdict(erased)))
        return
    told = [f"{count:,} in {table}" for table, count in erased.counts.items() if count]
    told += [so_many(erased.letters, "event") + " in the inbox"] if erased.letters else []
    say(f"Forgotten: {', '.join(told) or 'nothing was left to erase'}.")
    say("Ordergroove keeps its own record: have it erased there too. Syncs tell if it still shows.")
