"""The verbs about daily files: load."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_FILES,
    OF_WAREHOUSE,
    as_json_option,
    settings_of,
    span_asked,
    with_settings,
)

if TYPE_CHECKING:
    from pipelines.ordergroove.files.load import Loaded

PARTIAL = 3
"""The exit code when some of the files, or of their rows, were not taken."""


@click.group()
def files() -> None:
    """Daily files that Ordergroove drops for the merchant: reports as CSV.

    \b
      ordergroove files load sftp://acme@feeds.ordergroove.com/outgoing
      ordergroove files load outgoing/
    """


@files.command(short_help="Load reports into tables, each file once.")
@click.argument("place", metavar="PATH|sftp://USER@HOST/PATH")
@click.option("--accept-unended", is_flag=True,
              help="Take files whose last line has no end: they may be cut off.")  # fmt: skip
@click.option("--lock-timeout", metavar="TIME", default="0", show_default=True,
              help="How long to wait for a warehouse that somebody holds, as in 30m.")  # fmt: skip
@as_json_option
@with_settings(*OF_WAREHOUSE, "state_dir", "views", "timezone", "connect_timeout",
               "read_timeout", "retry_limit", *OF_FILES)  # fmt: skip
def load(place: str, accept_unended: bool, lock_timeout: str, as_json: bool, **flags: Any) -> None:
    """Loads a report, or the reports of a directory, into tables sftp_<report>; each file once.

    From this machine, or from Ordergroove's server over SFTP, whose host key must be known. Files
    that are no reports by their name are never opened: the folder holds keys too. Nothing is
    deleted. The password stands in ORDERGROOVE_SFTP_PASSWORD, never in the address.

    \b
      ordergroove files load sftp://acme@feeds.ordergroove.com/outgoing
      ordergroove files load outgoing/
      ordergroove files load outgoing/shop_orders_03172025063000.csv --json
    """
    import pendulum

    from pipelines.ordergroove.files.load import load as load_files
    from pipelines.ordergroove.files.place import found_at, place_of
    from pipelines.ordergroove.sql_layer.after import views_over
    from pipelines.ordergroove.warehouse import opened, scratch_in

    where = place_of(place)
    wait_s = span_asked("--lock-timeout", lock_timeout)
    settings = settings_of(flags)
    with (
        found_at(where, settings) as found,
        opened(settings, lock_timeout_s=wait_s) as warehouse,
        scratch_in(settings.state_dir) as scratch,
    ):
        pipeline = warehouse.pipeline(scratch)
        now = pendulum.now("UTC")
        told = load_files(found, warehouse, pipeline, now=now, accept_unended=accept_unended)
        unviewed = views_over(settings, warehouse, now) if told.files else None
    tell(told, as_json=as_json)
    if told.refused or told.rejected or told.cut_short:
        sys.exit(PARTIAL)
    if unviewed is not None:
        raise unviewed


def tell(told: "Loaded", *, as_json: bool) -> None:
    """What became of the files: counts on standard output, troubles on standard error."""
    from pipelines.ordergroove.report import so_many

    for word, reasons in (("refused", told.refused), ("left for the next time", told.waiting)):
        for reason in reasons:
            say(f"{word}: {reason}", err=True)
    if told.cut_short:
        say(told.cut_short, err=True)
    counts = {"files": told.files, "rows": told.rows, "known": told.known}
    counts |= {"rejected_rows": told.rejected, "refused": len(told.refused)}
    counts |= {"waiting": len(told.waiting)}
    text = f"{so_many(told.files, 'file')} loaded with {so_many(told.rows, 'row')}, "
    text += f"{told.known:,} known already, {len(told.refused):,} refused, "
    text += f"{len(told.waiting):,} still being written; {so_many(told.rejected, 'row')} set aside"
    say(json.dumps(counts) if as_json else text)
