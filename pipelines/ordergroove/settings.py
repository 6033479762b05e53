"""What one call of the program works with, and the order in which places are asked for it.

A flag wins over the environment, that over the `.dlt/secrets.toml` and `.dlt/config.toml` of the
working directory, those over the same two files of the home directory. An empty value counts as
none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipelines.ordergroove.dlt_files import SECTION, UNCHANGED, Section, sections_in
from pipelines.ordergroove.settings_table import (
    BY_NAME,
    PREFIX,
    PURCHASE_URLS,
    ROWS,
    URLS,
    Row,
    rows_for_help,
    table_markdown,
)
from pipelines.ordergroove.values import Secret, UnfitError, suggestion, without_secrets
from pipelines.ordergroove.webhooks.values import InboxAddress
from sources.ordergroove.errors import ConfigError

__all__ = ["ConfigError", "Secret", "Settings", "load", "rows_for_help", "table_markdown"]

LOCAL_CHUNK_SECONDS = 5.0
REMOTE_CHUNK_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one call of the program works with. Paths are absolute."""

    api_key: Secret | None
    environment: str
    base_url: str | None
    # may hold a password: see `destination_shown`
    destination: str = field(repr=False)
    dataset: str
    entities: tuple[str, ...]
    history: tuple[str, ...]
    state_dir: Path
    timezone: str
    overlap: timedelta
    publish: Path | None
    log_format: str
    connect_timeout: timedelta
    read_timeout: timedelta
    retry_limit: timedelta
    whole_read_every: timedelta
    """Zero: by every run."""

    duckdb_memory_limit: str | None
    duckdb_threads: int
    chunk_seconds: float
    views: str
    graphql_version: str
    graphql_enrichment: str
    graphql_queries: int
    purchase_url: str | None
    storefront_key: Secret | None
    inbox: InboxAddress | None
    inbox_keep: timedelta
    webhook_keys: tuple[Secret, ...] | None
    webhook_tolerance: timedelta
    """Zero: signatures of any age are taken."""

    webhook_body_limit: int
    sftp_password: Secret | None
    sftp_identity: Path | None
    sftp_passphrase: Secret | None
    sftp_known_hosts: Path
    sftp_fingerprint: tuple[str, ...] | None
    """Fingerprints; they stand in for `sftp_known_hosts`."""

    sftp_settle: timedelta
    where: Mapping[str, str]
    """For each setting the place its value came from: a flag, a variable, a file, `default`."""

    @property
    def url(self) -> str:
        """Scheme, host and port of the API, without a slash at the end."""
        return self.base_url or URLS[self.environment]

    @property
    def purchase_host(self) -> str:
        """Scheme, host and port of Purchase POST, without a slash at the end."""
        return self.purchase_url or PURCHASE_URLS[self.environment]

    @property
    def destination_shown(self) -> str:
        """The destination without password and options, fit for logs and messages."""
        return without_secrets(self.destination)

    def need_api_key(self) -> str:
        """The key for those who talk to Ordergroove. Raises ConfigError when there is none."""
        if self.api_key is None:
            raise ConfigError(
                what="There is no API key.",
                do=f"Write `api_key` into .dlt/secrets.toml under [{'.'.join(SECTION)}], or set "
                f"{BY_NAME['api_key'].variable}, then run this again.",
                state=UNCHANGED,
            )
        return self.api_key.reveal()


def load(
    flags: Mapping[str, str | None], environ: Mapping[str, str], cwd: Path, home: Path
) -> Settings:
    """The settings as they hold for one call of the program.

    `flags` go by the name of the setting, None where the flag was not given; paths are meant
    from `cwd`. A missing API key is no error here, as many verbs need none.
    Raises ConfigError for unknown settings, for values that do not fit, for files that can not
    be read, and for a state directory that holds more than scratch.
    """
    if strange := set(flags) - {row.name for row in ROWS if row.flag}:
        raise ValueError(f"no flags: {sorted(strange)}")
    _refuse_unknown_variables(environ)
    sections = sections_in(cwd, home, known=tuple(BY_NAME))
    found: dict[str, Any] = {}
    where: dict[str, str] = {}
    for row in ROWS:
        found[row.name], where[row.name] = _value_of(row, flags, environ, sections)
    for name in ("state_dir", "publish", "sftp_identity", "sftp_known_hosts"):
        found[name] = _anchored(found[name], cwd, home)
    _refuse_shared(found["state_dir"], where["state_dir"], cwd, home)
    found["inbox"] = _placed(found["inbox"], where["inbox"], found["state_dir"], cwd, home)
    if found["chunk_seconds"] is None:
        found["chunk_seconds"] = _chunk_seconds(found["destination"])
    return Settings(**found, where=MappingProxyType(where))


def _value_of(
    row: Row,
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    sections: Sequence[Section],
) -> tuple[object, str]:
    """The value of a setting and the place it came from, the first that has one."""
    given = flags.get(row.name)
    places = [
        (str(row.flag), given),
        (row.variable, environ.get(row.variable, "").strip() or None),
        *((section.label, section.texts.get(row.name)) for section in sections),
        ("default", row.default),
    ]
    where, text = next((place for place in places if place[1] is not None), places[-1])
    if text is None:
        return None, where
    try:
        return row.parse(text), where
    except UnfitError as fault:
        what = f"{row.name} (from {where}): {fault.wrong}."
        raise ConfigError(what=what, do=fault.instead, state=UNCHANGED) from None


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = [row.variable for row in ROWS]
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in known:
            raise ConfigError(
                what=f"The environment variable {variable} is no setting"
                f"{suggestion(variable, known)}.",
                do=f"Unset it, or use one of: {', '.join(known)}.",
                state=UNCHANGED,
            )


def _anchored(path: Path | None, cwd: Path, home: Path) -> Path | None:
    """The path from the working directory on; a leading `~` is the home directory."""
    if path is None:
        return None
    if path.parts[:1] == ("~",):
        return home.joinpath(*path.parts[1:])
    return cwd / path


def _placed(
    inbox: InboxAddress | None, where: str, state_dir: Path, cwd: Path, home: Path
) -> InboxAddress | None:
    """The inbox with its path made absolute. Raises ConfigError for one among scratch files."""
    if inbox is None or inbox.file is None:
        return inbox
    file = _anchored(inbox.file, cwd, home)
    if file and file.resolve().is_relative_to(state_dir.resolve()):
        raise ConfigError(
            what=f"inbox (from {where}): {str(file)!r} lies in the directory that each run empties,"
            f" {str(state_dir)!r}.",
            do="Name a file elsewhere, such as sqlite:///webhooks.sqlite.",
            state=UNCHANGED,
        )
    return InboxAddress(file=file)


def _refuse_shared(state_dir: Path, where: str, cwd: Path, home: Path) -> None:
    """Scratch is thrown away: it must not be a place that holds somebody's files."""
    resolved = state_dir.resolve()
    if any(place.resolve().is_relative_to(resolved) for place in (cwd, home)):
        raise ConfigError(
            what=f"state_dir (from {where}): each run empties it, and {str(state_dir)!r} holds "
            "the working directory or your home.",
            do="Name a directory that serves nothing else, such as .ordergroove.",
            state=UNCHANGED,
        )


def _chunk_seconds(destination: str) -> float:
    """Local files are cheap to load into; elsewhere few, large loads are kinder."""
    scheme, _, rest = destination.partition(":")
    is_local = scheme in {"duckdb", "sqlite"} and not rest.lstrip("/").startswith("md:")
    return LOCAL_CHUNK_SECONDS if is_local else REMOTE_CHUNK_SECONDS
