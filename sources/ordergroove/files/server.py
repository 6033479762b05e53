"""Ordergroove's file server: its address, how one logs in, and what one knows of a file there."""

from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from pathlib import Path

PORT = 22


@dataclass(frozen=True, kw_only=True)
class Address:
    """A file or a directory on a server. Holds no password."""

    user: str
    host: str
    path: str
    port: int = PORT

    @property
    def server(self) -> str:
        """The host as known_hosts files write it."""
        return self.host if self.port == PORT else f"[{self.host}]:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Login:
    """What proves who we are: a password, a key, or both."""

    password: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Which host keys are the server's: those of the fingerprints if any, else of the file."""

    fingerprints: tuple[str, ...]
    """As ssh-keygen prints them, `SHA256:` and 43 signs."""

    known_hosts: Path


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds: for a connection, for one answer, and for trying one thing again."""

    connect_s: float
    read_s: float
    retry_s: float


@dataclass(frozen=True)
class Seen:
    """A file as one look at the server showed it."""

    path: str
    _: KW_ONLY
    size: int
    modified_at: datetime
    """By the server's clock, whole seconds, UTC."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]
