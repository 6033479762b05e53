"""The verbs for Ordergroove's other doors: graphql, canary."""

import json
import sys
from contextlib import closing
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

OF_GRAPHQL = (
    "environment", "base_url", "graphql_version", "connect_timeout", "read_timeout", "retry_limit",
)  # fmt: skip
OF_CANARY = (
    "environment", "base_url", "purchase_url", *OF_WAREHOUSE, "state_dir", "timezone", "overlap",
    "log_format", "connect_timeout", "read_timeout", "retry_limit",
)  # fmt: skip


@click.command()
@click.argument("query")
@click.option("--variables", metavar="JSON", help="What the query's variables hold, as an object.")
@click.option("--dry-run", is_flag=True, help="Count what it costs; send nothing.")
@as_json_option
@with_settings(*OF_GRAPHQL)
def graphql(query: str, variables: str | None, dry_run: bool, as_json: bool, **flags: Any) -> None:
    """Asks Ordergroove one GraphQL query; `-` reads it from standard input. Loads nothing.

    Prints the data as JSON, and what the query cost on standard error. A query over Ordergroove's
    limits (200 points, 9 deep, pages of 100) is refused before it is sent, with its costliest
    branches.

    \b
      ordergroove graphql '{ subscription(publicId: "...") { quantity product { name } } }'
      ordergroove graphql - --variables '{"id": "..."}' < order.graphql
    """
    import pendulum

    from pipelines.ordergroove.graphql import door
    from sources.ordergroove.graphql.answer import sunset_warning
    from sources.ordergroove.graphql.limits import cost_of, refuse_over_limit

    text = sys.stdin.read() if query == "-" else query
    given = door.variables_in(variables)
    settings = settings_of(flags)
    cost = cost_of(text, given)
    refuse_over_limit(cost)
    if dry_run:
        say(json.dumps({"cost": door.cost_json(cost)}) if as_json else door.cost_shown(cost))
        return
    with closing(door.graphql_for(settings)) as client:
        found = client.ask(text, given)
    say(json.dumps(door.found_json(found) if as_json else found.data, indent=2, ensure_ascii=False))
    if not as_json:
        say(door.cost_shown(found.cost), err=True)
    warning = sunset_warning(settings.graphql_version, found.sunset, pendulum.now("UTC"))
    if warning:
        say(warning, err=True)


@click.command()
@click.option("--product", metavar="ID", help="The product to subscribe to; else any plain one.")
@click.option("--keep", is_flag=True, help="Leave the subscription as it is afterwards.")
@click.option("--wait", default="5m", show_default=True, metavar="TIME",
              help="How long to wait for what was bought to arrive.")  # fmt: skip
@as_json_option
@with_settings(*OF_CANARY)
@click.pass_obj
def canary(
    debug: bool, /, product: str | None, keep: bool, wait: str, as_json: bool, **flags: Any
) -> None:
    """Places a test purchase on staging and follows it into the warehouse, and out again.

    Refuses production. Nothing is charged, and no card data is sent. Cancels the subscription in
    the end, and waits until that and the deletion of its order show too.

    \b
      ordergroove canary --environment staging
      ordergroove canary --environment staging --destination duckdb:///staging.duckdb --wait 15m
    """
    from pipelines.ordergroove.purchasing.canary import canary as fly

    wait_s = span_asked("--wait", wait)
    settings = settings_of(flags)
    steps = []
    try:
        for step in fly(settings, product=product, keep=keep, wait_s=wait_s, debug=debug):
            steps.append({"step": step.name, "took_s": round(step.took_s, 1), "what": step.what})
            if not as_json:
                say(f"{step.name:14} {step.took_s:6.1f} s  {step.what}")
    finally:
        # how far it came, whatever ended it
        if as_json:
            say(json.dumps(steps, indent=2))
