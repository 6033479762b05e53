"""How the text of the webhook settings becomes a value."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.ordergroove.values import Secret, UnfitError, path, without_secrets

SQLITE = "sqlite:///"
SERVERS = ("postgresql", "postgres", "mysql", "mariadb")
UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "KIB": 1024, "MIB": 1024**2}
LEAST_BODY, MOST_BODY = 1_000, 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class InboxAddress:
    """Where the inbox is: a SQLite file, or the address of a server."""

    file: Path | None = None
    url: Secret | None = None

    @property
    def shown(self) -> str:
        """The address without password and options, fit for logs and messages."""
        if self.url is not None:
            return without_secrets(self.url.reveal())
        return str(self.file)


def exists(address: InboxAddress | None) -> bool:
    """Whether there can be events at all: a file that nobody has made holds none."""
    return address is not None and (address.file is None or address.file.exists())


def inbox(text: str) -> InboxAddress | None:
    """The address of an inbox; `none` for no inbox."""
    stripped = text.strip()
    if stripped.lower() == "none":
        return None
    scheme = re.split(r"[:+]", stripped, maxsplit=1)[0].lower()
    if stripped.startswith(SQLITE) and stripped != SQLITE:
        return InboxAddress(file=path(stripped.removeprefix(SQLITE)))
    if scheme in SERVERS and re.fullmatch(r"[A-Za-z0-9+]+://\S+", stripped):
        return InboxAddress(url=Secret(stripped))
    # the text is not repeated: it may hold a password
    raise UnfitError(
        "this is no address of an inbox",
        "Write sqlite:///file, postgresql://user@host/database, mysql://user@host/database,"
        " or none.",
    )


def webhook_keys(text: str) -> tuple[Secret, ...]:
    """The verification keys, separated by commas or white space."""
    words = [word for word in re.split(r"[,\s]+", text) if word]
    if not words or not all(word.isprintable() for word in words):
        raise UnfitError(
            "this is no list of keys",
            "Copy the verification key of the webhook as it is shown; separate several by commas.",
        )
    return tuple(Secret(word) for word in words)


def size(text: str) -> int:
    """A number of bytes, as in `8MB`."""
    found = re.fullmatch(r"(\d{1,12})\s*([A-Za-z]*)", text.strip(), re.ASCII)
    unit = UNITS.get(found[2].upper()) if found else None
    count = int(found[1]) * unit if found and unit else 0
    if not LEAST_BODY <= count <= MOST_BODY:
        raise UnfitError(f"{text!r} is no size from 1KB to 1000MB", "Write for example 8MB.")
    return count
