"""The verb that draws: report."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_WAREHOUSE,
    as_json_option,
    settings_of,
    with_settings,
)

NAME = "ordergroove-report.html"
UNANSWERED = 5
"""The exit code when a chart could not be drawn for a fault of its view."""


@click.command()
@click.option("--to", "path", metavar="FILE", default=NAME, show_default=True,
              type=click.Path(dir_okay=False, path_type=Path),
              help="Where the page is written.")  # fmt: skip
@as_json_option
@with_settings(*OF_WAREHOUSE)
def report(path: Path, as_json: bool, **flags: Any) -> None:
    """One HTML page to look at: subscribers, revenue, retention, placement, what is due, the sync.

    Each chart has its definition and its SQL. The page needs no network and can be mailed; it
    holds sums, names of products and no customer.

    \b
      ordergroove report
      ordergroove report --to /srv/www/subscriptions.html
    """
    import pendulum

    from pipelines.ordergroove.report_page.writer import write_report
    from pipelines.ordergroove.warehouse import opened

    with opened(settings_of(flags), read_only=True) as warehouse:
        written = write_report(warehouse, path, pendulum.now("UTC"))
    if as_json:
        values = {"path": str(written.path), "charts": written.charts, "asked": written.asked}
        say(json.dumps(values | {"not_answered": [*written.refused]}, indent=2))
    else:
        say(f"{written.charts} of {written.asked} charts have something to show: {written.path}")
        for sentence in written.refused:
            say(f"Not answered: {sentence}", err=True)
    if written.refused:
        sys.exit(UNANSWERED)
