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
@click.option("--via", type=click.Choice(["rest", "graphql"]), default="rest", show_default=True,
              help="Which of Ordergroove's APIs to compare with.")  # fmt: skip
@as_json_option
@with_settings(*OF_RUN)
def reconcile(named: tuple[str, ...], **flags: Any) -> None:
    """Is the warehouse what Ordergroove shows? Compares both, record by record.

    Tells what is missing in the warehouse, what is stale there, and what is a ghost: no longer
    shown by Ordergroove. Ends with 5 when anything differs that the next sync would not bring; with
    --fix it is repaired, and a ghost is marked only when Ordergroove denies it by itself.

    --via graphql compares orders and subscriptions with what Ordergroove's other API says of them,
    every field that both show, with at most as many queries as --graphql-queries allows.

    \b
      ordergroove reconcile orders items
      ordergroove reconcile --since 2026-06-01 --deep
      ordergroove reconcile --fix
      ordergroove reconcile --via graphql orders
    """
    from pipelines.ordergroove.reconciling import reconcile as reconciling
    from pipelines.ordergroove.reconciling import text as reconcile_text
    from pipelines.ordergroove.warehouse import file_of, published

    settings = settings_of(flags)
    since = instant_asked(flags["since"], settings.timezone) if flags["since"] else None
    names = entities_of(named, settings.entities)
    via_graphql = flags["via"] == "graphql"
    if via_graphql:
        names = listed_by_graphql(names, is_asked=bool(named), has_since=since is not None)
    found = reconciling.reconcile(
        settings,
        names,
        since=since,
        deep=flags["deep"],
        fix=flags["fix"],
        via_graphql=via_graphql,
    )
    told = reconcile_text.as_json(found) if flags["as_json"] else None
    say(reconcile_text.as_text(found) if told is None else json.dumps(told, indent=2))
    if settings.publish and any(made.repaired for made in found):
        published(file_of(settings), settings.publish)
    sys.exit(reconciling.exit_code_of(found))


def listed_by_graphql(names: list[str], *, is_asked: bool, has_since: bool) -> list[str]:
    """Those that GraphQL lists. Raises ConfigError where something else was asked for."""
    from sources.ordergroove.errors import ConfigError
    from sources.ordergroove.graphql.shared import ROOTS

    found = [name for name in names if name in ROOTS]
    if not found or (is_asked and found != names):
        raise ConfigError(
            what=f"Ordergroove's GraphQL API lists {' and '.join(ROOTS)}, and nothing else.",
            do="Name one or both of these, or leave --via graphql away.",
            state="Nothing was asked for.",
        )
    if has_since:
        raise ConfigError(
            what="Ordergroove's GraphQL API knows no filter by change time.",
            do="Leave --since away, or --via graphql; --graphql-queries bounds the work.",
            state="Nothing was asked for.",
        )
    return found
