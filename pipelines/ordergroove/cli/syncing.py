"""The verbs that talk to Ordergroove, or play it: sync, check, demo, sandbox."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_RUN,
    as_json_option,
    entities_of,
    past_asked,
    screen_width,
    settings_of,
    span_asked,
    with_settings,
)
from pipelines.ordergroove.settings_table import BY_NAME


@click.command()
@click.argument("named", nargs=-1, metavar="[ENTITY]...")
@click.option("--full-refresh", is_flag=True, help="Read everything again, into the same tables.")
@click.option("--since", metavar="TIME", help="Read changes since then, whatever was read before.")
@click.option("--dry-run", is_flag=True, help="Show what would be asked for; change nothing.")
@click.option("--no-sweep", is_flag=True,
              help="Spare the lists of open orders: deletions show later.")  # fmt: skip
@click.option("--accept-deletions", is_flag=True,
              help="Mark what is gone however much it is, this once.")  # fmt: skip
@click.option("--lock-timeout", metavar="TIME", default="0", show_default=True,
              help="How long to wait for a warehouse that somebody holds, as in 30m.")  # fmt: skip
@as_json_option
@with_settings(*OF_RUN)
@click.pass_obj
def sync(debug: bool, /, named: tuple[str, ...], **flags: Any) -> None:
    """The daily job: fetch what changed since the last run and merge it into the warehouse.

    The first run reads everything; the next ones ask for changes since the start of the one
    before. Interrupted at any moment, the same command goes on where it was. A `--since` later
    than that start reads, but leaves the next run's question as it is.

    \b
      ordergroove sync
      ordergroove sync orders items --destination duckdb:///warehouse.duckdb
      ordergroove sync orders --since 2026-06-01
    """
    from pipelines.ordergroove import plan, report
    from pipelines.ordergroove.daily import daily_run
    from pipelines.ordergroove.preflight import Ask

    settings = settings_of(flags)
    if flags["full_refresh"] and flags["since"] is not None:
        raise click.UsageError("--full-refresh reads everything: leave --since away.")
    since = past_asked(flags["since"], settings.timezone) if flags["since"] is not None else None
    ask = Ask(
        full_refresh=flags["full_refresh"],
        since=since,
        named=bool(named),
        sweep=not flags["no_sweep"],
        any_deletions=flags["accept_deletions"],
    )
    names = entities_of(named, settings.entities)
    lock_timeout_s = span_asked("--lock-timeout", flags["lock_timeout"])
    if flags["dry_run"]:
        plans = plan.dry_run(settings, names, ask)
        say(plan.as_json(plans) if flags["as_json"] else plan.as_text(plans, settings.timezone))
        return
    run = daily_run(settings, names, ask, lock_timeout_s=lock_timeout_s, debug=debug)
    say(json.dumps(report.as_json(run), indent=2) if flags["as_json"] else report.summary(run))
    sys.exit(run.exit_code())


@click.command()
@as_json_option
@with_settings(*OF_RUN)
def check(as_json: bool, **flags: Any) -> None:
    """Is everything in place for a sync? Each precondition, and what to do about it.

    Looks at the key and its Bulk permission, every list, both clocks, the zone, the warehouse, its
    lock and the disk. Changes nothing.

    \b
      ordergroove check
      ordergroove check --destination duckdb:///warehouse.duckdb --json
    """
    from pipelines.ordergroove.checks import text as check_text
    from pipelines.ordergroove.checks.check import checks
    from pipelines.ordergroove.checks.finding import exit_code_of

    found = []
    for finding in checks(settings_of(flags)):
        found.append(finding)
        if not as_json:
            say(check_text.line_of(finding, screen_width()))
    say(check_text.as_json(found) if as_json else f"\n{check_text.summary(found)}")
    sys.exit(exit_code_of(found))


@click.command()
@click.option("--customers", default=600, show_default=True, type=click.IntRange(min=1),
              help="Size of the made-up merchant.")  # fmt: skip
@click.option("--into", default="demo.duckdb", show_default=True, metavar="FILE",
              type=click.Path(dir_okay=False),
              help="The DuckDB file; made anew each time.")  # fmt: skip
@click.pass_obj
def demo(debug: bool, /, customers: int, into: str) -> None:
    """A made-up merchant, synced over HTTP into DuckDB, answers and a page: no key needed.

    \b
      ordergroove demo
      ordergroove demo --customers 3000 --into big-demo.duckdb
    """
    from pipelines.ordergroove.daily import daily_run
    from pipelines.ordergroove.demo import answers, make_room, picture, settings_for
    from pipelines.ordergroove.preflight import Ask
    from pipelines.ordergroove.report import summary
    from pipelines.ordergroove.warehouse import opened
    from sources.ordergroove.sandbox import Sandbox, World, serve

    file = Path(into)
    say(f"Making up a merchant with {customers:,} customers and two years of orders ...")
    world = World(customers=customers, zone="America/New_York")
    with serve(Sandbox(world)) as server:
        settings = settings_for(server.url, file)
        make_room(settings, file, {row.record["merchant"] for row in world.rows("customers")})
        say(f"Syncing it from {server.url} into {file} ...\n")
        run = daily_run(settings, settings.entities, Ask(), debug=debug)
    say(summary(run))
    with opened(settings, read_only=True) as warehouse:
        say(answers(warehouse))
        say(picture(warehouse, file.with_suffix(".html")))
    say(
        f"Ask it more:  ordergroove query --destination duckdb:///{file} 'select ...'"
        "\nYour own:     set ORDERGROOVE_API_KEY, then type: ordergroove sync"
    )
    sys.exit(run.exit_code())


@click.command()
@click.option("--port", default=8400, show_default=True, type=click.IntRange(0, 65535),
              help="0 takes a free one.")  # fmt: skip
@click.option("--customers", default=500, show_default=True, type=click.IntRange(min=1),
              help="Size of the made-up merchant.")  # fmt: skip
@click.option("--seed", default=7, show_default=True, help="Another number, another merchant.")
@click.option("--zone", default=BY_NAME["timezone"].default, show_default=True, metavar="ZONE",
              help="The clock of its time stamps.")  # fmt: skip
@click.option("--delay", default=0.0, show_default=True, type=click.FloatRange(min=0),
              help="Seconds that every answer takes.")  # fmt: skip
@click.option("--webhooks", metavar="URL", help="Send what happens to this address, as webhooks.")
@click.option("--files", metavar="DIR", help="Drop today's daily files into this directory.",
              type=click.Path(exists=True, file_okay=False, writable=True))  # fmt: skip
def sandbox(**given: Any) -> None:
    """An Ordergroove API on this machine, with a made-up merchant, for trying things out.

    \b
      ordergroove sandbox
      ORDERGROOVE_BASE_URL=http://127.0.0.1:8400 ORDERGROOVE_API_KEY=sandbox-key ordergroove sync
      ordergroove sandbox --webhooks http://127.0.0.1:8300   # signed with sandbox-webhook-key
      ordergroove sandbox --files outgoing                   # for: ordergroove files load outgoing
    """
    from sources.ordergroove.errors import ConfigError
    from sources.ordergroove.sandbox.__main__ import main as serve
    from sources.ordergroove.sandbox.world import ZONES

    if given["zone"] not in ZONES:
        raise click.UsageError(f"--zone is one of {', '.join(ZONES)}.")
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    try:
        sys.exit(serve(words))
    except OSError as error:
        raise ConfigError(
            what=f"Port {given['port']} cannot be used: {error.strerror}.",
            do="Name another one with --port, or 0 for a free one.",
            state="Nothing was started.",
        ) from None
