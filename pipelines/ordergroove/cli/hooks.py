"""The verbs about webhooks: serve, load, tail, replay."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_RECEIVER,
    OF_WAREHOUSE,
    as_json_option,
    settings_of,
    span_asked,
    with_settings,
)

if TYPE_CHECKING:
    from pipelines.ordergroove.settings import Settings
    from pipelines.ordergroove.webhooks.inbox import Inbox

PARTIAL = 3
"""The exit code when some of a file's events were refused."""


@click.group()
def webhooks() -> None:
    """Events that Ordergroove sends: receive them, load them, look at them.

    A receiver keeps each event in the inbox before it answers; every sync loads the inbox into the
    table webhook_events. The inbox is a file, or a PostgreSQL or MariaDB that both can reach.

    \b
      ordergroove webhooks serve --port 8300
      ordergroove webhooks tail
    """


@webhooks.command(short_help="Receive events until it is stopped.")
@click.option("--host", default="127.0.0.1", show_default=True,
              help="The address to listen on; HTTPS is for the proxy before it.")  # fmt: skip
@click.option("--port", default=8300, show_default=True, help="0 takes a free one.")
@with_settings(*OF_RECEIVER, "log_format")
@click.pass_obj
def serve(debug: bool, /, host: str, port: int, **flags: Any) -> None:
    """Receives events until it is stopped; takes only those that Ordergroove signed.

    The verification key is taken from ORDERGROOVE_WEBHOOK_KEYS or .dlt/secrets.toml. Point the
    webhook in the Ordergroove Admin at an HTTPS proxy before this; GET /healthz tells whether
    events can be kept.

    \b
      ordergroove webhooks serve
      ordergroove webhooks serve --port 8300 --inbox postgresql://me@db/events
    """
    from pipelines.ordergroove.logs import set_up
    from pipelines.ordergroove.webhooks import serving

    settings = settings_of(flags)
    set_up(log_format=settings.log_format, debug=debug, console=None)
    sys.exit(
        serving.serve(
            settings,
            host=host,
            port=port,
            on_ready=lambda url: say(f"Receiving at {url}, into {inbox_shown(settings)}"),
        )
    )


@webhooks.command(short_help="Load the inbox into the warehouse now.")
@click.option("--lock-timeout", metavar="TIME", default="0", show_default=True,
              help="How long to wait for a warehouse that somebody holds, as in 30m.")  # fmt: skip
@as_json_option
@with_settings("inbox", "inbox_keep", *OF_WAREHOUSE, "state_dir", "publish")
def load(lock_timeout: str, as_json: bool, **flags: Any) -> None:
    """Loads the inbox into the warehouse now, as every sync does; asks Ordergroove nothing.

    The read copy of ORDERGROOVE_PUBLISH is made anew when something was loaded.

    \b
      ordergroove webhooks load
      ordergroove webhooks load --destination duckdb:///warehouse.duckdb
    """
    import pendulum

    from pipelines.ordergroove.report import so_many
    from pipelines.ordergroove.warehouse import file_of, opened, published, scratch_in
    from pipelines.ordergroove.webhooks.draining import drain_into
    from pipelines.ordergroove.webhooks.serving import need_inbox

    settings = settings_of(flags)
    need_inbox(settings)
    wait_s = span_asked("--lock-timeout", lock_timeout)
    with (
        opened(settings, lock_timeout_s=wait_s) as warehouse,
        scratch_in(settings.state_dir) as scratch,
    ):
        pipeline = warehouse.pipeline(scratch)
        count = drain_into(warehouse, pipeline, settings, pendulum.now("UTC"))
    if count and settings.publish:
        published(file_of(settings), settings.publish)
    say(json.dumps({"loaded": count}) if as_json else f"{so_many(count, 'new event')} loaded")


@webhooks.command(short_help="Show the last events of the inbox.")
@click.option("--lines", "-n", default=20, show_default=True, help="How many of the last events.")
@click.option("--follow", "-f", is_flag=True, help="Go on with those that come.")
@as_json_option
@with_settings("inbox")
def tail(lines: int, follow: bool, as_json: bool, **flags: Any) -> None:
    """The last events of the inbox: when received, loaded or waiting, what, which object.

    With --json one object a line. Nothing of what stands in the events is shown.

    \b
      ordergroove webhooks tail
      ordergroove webhooks tail -n 100 --json
    """
    from pipelines.ordergroove.webhooks import tail as tailing

    with inbox_of(settings_of(flags)) as inbox:
        found = (
            tailing.follow(inbox, lines, threading.Event())
            if follow
            else iter(tailing.lines(inbox, lines))
        )
        for line in found:
            say(json.dumps(tailing.as_json(line)) if as_json else tailing.as_text(line))


@webhooks.command(short_help="Put events from a file into the inbox.")
@click.argument("file", type=click.Path(path_type=Path))
@as_json_option
@with_settings("inbox")
def replay(file: Path, as_json: bool, **flags: Any) -> None:
    """Puts events from a file into the inbox: one event, a JSON list, or one a line; `-` reads
    standard input.

    Signatures are not asked for. Events that are there already stay as they are.

    \b
      ordergroove webhooks replay missed.jsonl
      ordergroove query "select * from webhook_events" --json | ordergroove webhooks replay -
    """
    from pipelines.ordergroove.webhooks.replay import replay as replayed

    settings = settings_of(flags)
    text = text_of(file)
    with inbox_of(settings) as inbox:
        found = replayed(inbox, text)
    for reason in found.refused:
        say(f"refused: {reason}", err=True)
    counts = {"stored": found.stored, "known": found.known, "refused": len(found.refused)}
    told = f"{found.stored:,} stored, {found.known:,} known already, {counts['refused']:,} refused"
    say(json.dumps(counts) if as_json else told)
    sys.exit(PARTIAL if found.refused else 0)


def text_of(file: Path) -> bytes:
    """What is in the file, or in standard input. Raises ConfigError."""
    from sources.ordergroove.errors import ConfigError

    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigError(
            what=f"{file} cannot be read: {error.strerror}.",
            do="Give a file of events, or - for standard input.",
            state="The inbox is as it was.",
        ) from None


@contextmanager
def inbox_of(settings: "Settings") -> "Iterator[Inbox]":
    """The inbox of the settings. Raises ConfigError when there is none."""
    from pipelines.ordergroove.webhooks.inbox import opened_inbox
    from pipelines.ordergroove.webhooks.serving import need_inbox

    with opened_inbox(need_inbox(settings)) as inbox:
        yield inbox


def inbox_shown(settings: "Settings") -> str:
    return settings.inbox.shown if settings.inbox else "none"
