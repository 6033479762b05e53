"""The verb that reads history: backfill."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_RUN,
    as_json_option,
    entities_of,
    instant_asked,
    settings_of,
    span_asked,
    with_settings,
)

if TYPE_CHECKING:
    from state.ordergroove.slices import Slice


@click.command()
@click.argument("named", nargs=-1, metavar="[ENTITY]...")
@click.option("--from", "since", metavar="TIME", required=True,
              help="The oldest change to read; a date is its first instant.")  # fmt: skip
@click.option("--to", "until", metavar="TIME", required=True,
              help="The newest one. Both ends are read, too.")  # fmt: skip
@click.option("--slice", "unit", metavar="UNIT", default="month", show_default=True,
              help="How much is read at once: day, week, month or year.")  # fmt: skip
@click.option("--newest-first", is_flag=True, help="Begin with the latest slice.")
@click.option("--lock-timeout", metavar="TIME", default="0", show_default=True,
              help="How long to wait for a warehouse that somebody holds, as in 30m.")  # fmt: skip
@as_json_option
@with_settings(*OF_RUN)
@click.pass_obj
def backfill(debug: bool, /, named: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Reads what last changed in a stretch of the past, slice by slice.

    Stopped at any moment, the same command goes on where it was. The warehouse is free after each
    slice, and every few minutes, so that the daily sync gets its turn. It ends with what changed
    since it began; the first sync after it asks for later changes only. Lists without a change
    filter are read whole, once. Times without a zone are on the merchant's clock.

    \b
      ordergroove backfill --from 2023-01-01 --to 2025-01-01
      ordergroove backfill --from 2020-01-01 --to 2026-06-01 orders items --slice week
    """
    from pipelines.ordergroove.backfilling import text as backfill_text
    from pipelines.ordergroove.backfilling.reading import Asked
    from pipelines.ordergroove.backfilling.run import backfill_run

    settings = settings_of(flags)
    asked = Asked(
        stretch=stretch_asked(flags["since"], flags["until"], settings.timezone),
        unit=unit_asked(flags["unit"]),
        newest_first=flags["newest_first"],
    )
    names = entities_of(named, settings.entities)
    lock_timeout_s = span_asked("--lock-timeout", flags["lock_timeout"])
    made = backfill_run(settings, names, asked, lock_timeout_s=lock_timeout_s, debug=debug)
    say(
        json.dumps(backfill_text.as_json(made), indent=2)
        if as_json
        else backfill_text.summary(made)
    )
    sys.exit(made.exit_code())


def stretch_asked(since: str, until: str, zone: str) -> "Slice":
    """The stretch between two times. Raises ConfigError when there is none, or no past in it."""
    import pendulum

    from sources.ordergroove.errors import ConfigError
    from state.ordergroove.slices import Slice

    first, last = instant_asked(since, zone), instant_asked(until, zone)
    if first >= min(last, pendulum.now("UTC")):
        raise ConfigError(
            what=f"From {since} to {until} there is nothing to read.",
            do="Name a time in the past with --from and a later one with --to.",
        )
    return Slice(since=first, until=last)


def unit_asked(text: str) -> str:
    """How long slices are. Raises ConfigError."""
    from pipelines.ordergroove.values import suggestion
    from sources.ordergroove.errors import ConfigError
    from state.ordergroove.slices import UNITS

    if text not in UNITS:
        raise ConfigError(
            what=f"--slice: unknown length {text!r}{suggestion(text, UNITS)};"
            f" known: {', '.join(UNITS)}",
            do="Name one of these.",
        )
    return text
