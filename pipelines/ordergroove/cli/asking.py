"""The verbs that only look and tell: status, query, describe, schedule."""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_RUN,
    OF_WAREHOUSE,
    as_json_option,
    entities_of,
    screen_width,
    secret_free,
    settings_of,
    span_asked,
    with_settings,
)

OFFENDERS = 5
"""The exit code of a check that found something."""


@click.command()
@click.option("--max-age", metavar="TIME", help="Exit with 5 when something is older, as in 26h.")
@as_json_option
@with_settings("entities", *OF_WAREHOUSE, "timezone", "whole_read_every", "inbox")
def status(max_age: str | None, as_json: bool, **flags: Any) -> None:
    """What the warehouse holds, how fresh it is, what is missing, and the last runs.

    While a sync or a backfill has a DuckDB file to itself: as of its last load.

    \b
      ordergroove status
      ordergroove status --max-age 26h || echo "Ordergroove is late" | mail -s sync you@example.com
    """
    import pendulum

    from pipelines.ordergroove import status_text
    from pipelines.ordergroove.status import status_of, too_old
    from pipelines.ordergroove.warehouse import opened
    from pipelines.ordergroove.webhooks.waiting import waiting_in
    from pipelines.ordergroove.word_left import status_while
    from sources.ordergroove.errors import Held

    limit_s = span_asked("--max-age", max_age) if max_age else None
    settings = settings_of(flags)
    now = pendulum.now("UTC")
    try:
        with opened(settings, read_only=True) as warehouse:
            found = status_of(warehouse, now, settings.entities)
    except Held as error:
        found = status_while(error, settings, now, settings.entities)
    found = replace(found, inbox=waiting_in(settings))
    if as_json:
        say(json.dumps(status_text.as_json(found), indent=2))
    else:
        say(status_text.as_text(found, settings.timezone, width()))
    if limit_s is None:
        return
    late = too_old(
        found, pendulum.duration(seconds=limit_s), whole_read_every=settings.whole_read_every
    )
    if late:
        say(f"Older than {max_age}: {', '.join(late)}. Run `ordergroove sync`.", err=True)
        sys.exit(OFFENDERS)


@click.command()
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@click.option("--parquet", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write all rows into a Parquet file.")  # fmt: skip
@as_json_option
@with_settings(*OF_WAREHOUSE)
def query(sql: str, as_csv: bool, parquet: Path | None, as_json: bool, **flags: Any) -> None:
    """Asks the warehouse a question in SQL; `-` reads it from standard input.

    \b
      ordergroove query "select status, count(*) from orders group by status"
      ordergroove query --csv - < question.sql > answer.csv
      ordergroove query "select * from orders" --parquet orders.parquet
    """
    from pipelines.ordergroove import query as asking
    from pipelines.ordergroove.warehouse import opened

    if sum((as_csv, as_json, parquet is not None)) > 1:
        raise click.UsageError("Choose one of --csv, --parquet and --json.")
    text = sys.stdin.read() if sql == "-" else sql
    with opened(settings_of(flags), read_only=True) as warehouse:
        if parquet is not None:
            count = asking.to_parquet(warehouse, text, parquet)
            say(f"{count:,} {'row' if count == 1 else 'rows'} written to {parquet}", err=True)
            return
        found = asking.answer(warehouse, text)
        if as_csv:
            asking.to_csv(found, sys.stdout)
        else:
            say(asking.as_json(found) if as_json else asking.as_text(found, width()))


@click.command()
@click.argument("entity", required=False)
@click.option("--markdown", is_flag=True, help="Print it as Markdown.")
@as_json_option
def describe(entity: str | None, markdown: bool, as_json: bool) -> None:
    """The entities: what is asked of Ordergroove, and the tables and columns it becomes.

    \b
      ordergroove describe
      ordergroove describe orders
    """
    from pipelines.ordergroove import describe as pages
    from sources.ordergroove.entities import ENTITIES

    chosen = ENTITIES[entities_of((entity,), ())[0]] if entity else None
    every = ENTITIES.values()
    if as_json:
        found: Any = pages.entity_json(chosen) if chosen else [pages.entity_json(e) for e in every]
        say(json.dumps(found, indent=2))
    elif markdown:
        say(pages.entity_markdown(chosen) if chosen else pages.table_markdown(every))
    else:
        room = screen_width()
        say(pages.entity_text(chosen, room) if chosen else pages.table_text(every, room))


@click.command()
@click.option("--at", metavar="HH:MM", help="When, by this machine's clock; else a good hour.")
@click.option("--zone", metavar="ZONE", help="This machine's time zone, where it is not found.")
@click.option("--lock-timeout", metavar="TIME", default="1h", show_default=True,
              help="How long the run waits for a warehouse that somebody holds.")  # fmt: skip
@as_json_option
@with_settings(*OF_RUN)
def schedule(at: str | None, zone: str | None, lock_timeout: str, **flags: Any) -> None:
    """A cron line and a systemd timer for the daily run, at an hour that Ordergroove advises.

    Nothing is installed: put one of the two in place. Settings that are given as flags stand in
    the line; passwords and the key do not.

    \b
      ordergroove schedule
      ordergroove schedule --at 21:30 --destination duckdb:////srv/shop/warehouse.duckdb
    """
    import pendulum

    from pipelines.ordergroove import schedule as daily_job

    as_json = flags.pop("as_json")
    span_asked("--lock-timeout", lock_timeout)
    words = secret_free(flags)
    settings = settings_of(flags)
    daily = daily_job.plan(
        daily_job.time_asked(at) if at else None,
        zone or daily_job.machine_zone(os.environ),
        pendulum.today().date(),
    )
    job = daily_job.job_here(
        Path.cwd(),
        Path(sys.executable),
        key_from=settings.where["api_key"],
        lock_timeout=lock_timeout,
        words=words,
    )
    if as_json:
        say(json.dumps(daily_job.as_json(daily, job), indent=2))
    else:
        say(daily_job.as_text(daily, job, os.environ))


def width() -> int:
    """Characters a line may have: the terminal's, or plenty where nobody looks."""
    return shutil.get_terminal_size((160, 24)).columns
