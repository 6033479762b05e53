"""The verbs about daily files: load."""

import json
import sys
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

PARTIAL = 3
"""The exit code when some of the files, or of their rows, were not taken."""


@click.group()
def files() -> None:
    """Daily files that Ordergroove drops for the merchant: reports as CSV.

    \b
      ordergroove files load outgoing/
    """


@files.command()
@click.argument("place", metavar="PATH")
@click.option("--accept-unended", is_flag=True,
              help="Take files whose last line has no end: they may be cut off.")  # fmt: skip
@click.option("--lock-timeout", metavar="TIME", default="0", show_default=True,
              help="How long to wait for a warehouse that somebody holds, as in 30m.")  # fmt: skip
@as_json_option
@with_settings(*OF_WAREHOUSE, "state_dir")
def load(place: str, accept_unended: bool, lock_timeout: str, as_json: bool, **flags: Any) -> None:
    """Loads a report, or the reports of a directory, into tables sftp_<report>; each file once.

    Fetch the files with any SFTP program first. Files that are no reports by their name are never
    opened: Ordergroove's folder holds keys too. Nothing is deleted.

    \b
      ordergroove files load outgoing/
      ordergroove files load outgoing/shop_orders_03172025063000.csv --json
    """
    import pendulum

    from pipelines.ordergroove.files.load import found_at
    from pipelines.ordergroove.files.load import load as load_files
    from pipelines.ordergroove.files.place import local
    from pipelines.ordergroove.report import so_many
    from pipelines.ordergroove.warehouse import opened, scratch_in

    found = found_at(local(place))
    wait_s = span_asked("--lock-timeout", lock_timeout)
    settings = settings_of(flags)
    with (
        opened(settings, lock_timeout_s=wait_s) as warehouse,
        scratch_in(settings.state_dir) as scratch,
    ):
        pipeline = warehouse.pipeline(scratch)
        now = pendulum.now("UTC")
        told = load_files(found, warehouse, pipeline, now=now, accept_unended=accept_unended)
    for reason in told.refused:
        say(f"refused: {reason}", err=True)
    counts = {"files": told.files, "rows": told.rows, "known": told.known}
    counts |= {"rejected_rows": told.rejected, "refused": len(told.refused)}
    text = f"{so_many(told.files, 'file')} loaded with {so_many(told.rows, 'row')}, "
    text += f"{told.known:,} known already, {len(told.refused):,} refused; "
    text += f"{so_many(told.rejected, 'row')} set aside"
    say(json.dumps(counts) if as_json else text)
    sys.exit(PARTIAL if told.refused or told.rejected else 0)
