"""What the verbs share on the command line: options for settings, and the way out with errors."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pipelines.ordergroove.settings import Settings

Verb = TypeVar("Verb", bound=Callable[..., Any])

OF_WAREHOUSE = ("destination", "dataset", "duckdb_memory_limit", "duckdb_threads")
"""The settings of a verb that only reads the warehouse."""

OF_RUN = (
    "entities", "history", "environment", "base_url", *OF_WAREHOUSE, "state_dir", "timezone",
    "overlap",
    "publish", "log_format", "connect_timeout", "read_timeout", "retry_limit", "whole_read_every",
    "chunk_seconds", "views", "inbox", "inbox_keep", "graphql_version", "graphql_enrichment",
    "graphql_queries", "purchase_url",
)  # fmt: skip
"""The settings of a verb that talks to Ordergroove."""

OF_RECEIVER = ("inbox", "webhook_tolerance", "webhook_body_limit")
"""The settings of a verb that takes webhook events in."""

OF_FILES = ("sftp_identity", "sftp_known_hosts", "sftp_fingerprint", "sftp_settle")
"""The settings of a verb that fetches files."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def with_settings(*names: str) -> Callable[[Verb], Verb]:
    """Adds an option for each of the settings, explained by their table."""
    from pipelines.ordergroove.settings_table import BY_NAME

    def add(verb: Verb) -> Verb:
        for name in reversed(names):
            row = BY_NAME[name]
            default = row.default or row.default_shown
            shown = f"{row.help}  [{row.variable}" + (f"; default {default}]" if default else "]")
            verb = click.option(str(row.flag), name, metavar="VALUE", help=shown)(verb)
        return verb

    return add


def settings_of(flags: dict[str, Any]) -> "Settings":
    """The settings as they hold for this call; takes their options out of `flags`."""
    from pipelines.ordergroove.settings import load
    from pipelines.ordergroove.settings_table import BY_NAME

    given = {name: flags.pop(name) for name in list(flags) if name in BY_NAME}
    return load(given, os.environ, Path.cwd(), Path.home())


def secret_free(flags: dict[str, Any]) -> list[str]:
    """The settings among the flags as words of a command line that others may read.

    Raises ConfigError for one that carries a password.
    """
    from pipelines.ordergroove.settings_table import BY_NAME
    from pipelines.ordergroove.values import without_secrets
    from sources.ordergroove.errors import ConfigError

    words = []
    for name, value in flags.items():
        if name not in BY_NAME or value is None:
            continue
        if without_secrets(value) != value:
            raise ConfigError(
                what=f"{BY_NAME[name].flag} holds a password, which a crontab would show.",
                do=f"Leave the flag away and write {BY_NAME[name].variable} into the file that"
                " holds the key.",
                state="Nothing was written.",
            )
        words += [str(BY_NAME[name].flag), value]
    return words


def entities_of(asked: tuple[str, ...], default: tuple[str, ...]) -> list[str]:
    """The entities that were named, or those of the settings. Raises ConfigError."""
    from pipelines.ordergroove.values import suggestion
    from sources.ordergroove.entities import ENTITIES
    from sources.ordergroove.errors import ConfigError

    for name in asked:
        if name not in ENTITIES:
            raise ConfigError(
                what=f"unknown entity {name!r}{suggestion(name.lower(), ENTITIES)};"
                f" known: {', '.join(ENTITIES)}",
                do="Name one or several of these, or none for all.",
            )
    return [name for name in ENTITIES if name in asked] or list(default)


def instant_asked(text: str, zone: str) -> Any:
    """A time as people write it, on the merchant's clock where it names no zone.

    Raises ConfigError for what is no time.
    """
    import pendulum

    from sources.ordergroove.errors import ConfigError

    try:
        found = pendulum.parse(text.strip(), tz=zone)
    except ValueError:
        found = None
    if not isinstance(found, pendulum.DateTime):
        raise ConfigError(
            what=f"{text!r} is no time.",
            do="Write it as 2026-06-10, 2026-06-10T14:00 or 2026-06-10T14:00Z; without a zone it"
            f" is meant in {zone}.",
        )
    return found.in_timezone("UTC")


def past_asked(text: str, zone: str) -> Any:
    """A time that is over, read as `instant_asked` does. Raises ConfigError for any other."""
    import pendulum

    from sources.ordergroove.errors import ConfigError

    found = instant_asked(text, zone)
    if found > pendulum.now("UTC"):
        raise ConfigError(
            what=f"{text!r} lies in the future: nothing can have changed since then.",
            do=f"Name a time that is over; without a zone it is meant in {zone}.",
        )
    return found


def span_asked(flag: str, text: str) -> float:
    """Seconds of a duration such as 30m. Raises ConfigError for what is none."""
    from pipelines.ordergroove.values import UnfitError, duration
    from sources.ordergroove.errors import ConfigError

    try:
        return duration()(text).total_seconds()
    except UnfitError as fault:
        raise ConfigError(what=f"{flag}: {fault.wrong}.", do=fault.instead) from None


def screen_width() -> int | None:
    """Characters a line may have on the terminal that is written to; None where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def leave(error: Exception, *, debug: bool) -> None:
    """Ends the program with the message and exit code of an error; never with a traceback."""
    from sources.ordergroove.errors import OrdergrooveError

    if debug:
        raise error
    if isinstance(error, OrdergrooveError):
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    click.echo(
        f"A fault of this program: {type(error).__name__}.\n"
        "Please report it with what the same command prints as `ordergroove --debug ...`.\n"
        "What was loaded before is complete, and the next run goes on from there.",
        err=True,
    )
    sys.exit(1)
