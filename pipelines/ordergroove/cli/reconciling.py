"""The verb that compares: reconcile."""

import json
import sys
from typing import Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_RUN,
    as_json_option,
    entities_of,
    instant_asked,
    settings_of,
    with_settings,
)


@click.command()
@click.argument("named", nargs=-1, metavar="[ENTITY]...")
@click.option("--since", metavar="TIME", help="Compare only what changed since then.")
@click.option("--deep", is_flag=True, help="Compare every field, not only the change stamp.")
@click.option("--fix", is_flag=True, help="Load what is missing or stale, mark what is gone.")
@as_json_option
@with_settings(*OF_RUN)
def reconcile(named: tuple[str, ...], **flags: Any) -> None:
    """Is the warehouse what Ordergroove shows? Compares both, record by record.

    Tells what is missing in the warehouse, what is stale there, and what is a ghost: no longer
    shown by Ordergroove. Ends with 5 when anything differs that the next sync would not bring; with
    --fix it is repaired, and a ghost is marked only when Ordergroove denies it by itself.

    \b
      ordergroove reconcile orders items
      ordergroove reconcile --since 2026-06-01 --deep
      ordergroove reconcile --fix
    """
    from pipelines.ordergroove.reconciling import reconcile as reconciling
    from pipelines.ordergroove.reconciling import text as reconcile_text

    settings = settings_of(flags)
    since = instant_asked(flags["since"], settings.timezone) if flags["since"] else None
    names = entities_of(named, settings.entities)
    found = reconciling.reconcile(
        settings, names, since=since, deep=flags["deep"], fix=flags["fix"]
    )
    told = reconcile_text.as_json(found) if flags["as_json"] else None
    say(reconcile_text.as_text(found) if told is None else json.dumps(told, indent=2))
    sys.exit(reconciling.exit_code_of(found))
