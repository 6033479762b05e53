"""The parts of a server's address, read once and shown without the password."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.engine import UNCHANGED
from sources.ordergroove.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Address:
    """`scheme://user:password@host:port/database?option=value`, each part decoded."""

    user: str
    password: str = field(repr=False)
    host: str
    port: int | None
    database: str
    options: dict[str, str] = field(repr=False)


def address_of(settings: Settings, *, default_port: int) -> Address:
    """Raises ConfigError for an address that no driver could read; it is not repeated."""
    try:
        url = urlsplit(settings.destination)
        port = url.port
        options = dict(parse_qsl(url.query, strict_parsing=bool(url.query)))
    except ValueError:
        raise unreadable(settings) from None
    host = url.hostname or ""
    # a sign that ends an address, written as it is in a password, moves the rest out of place
    if url.fragment or "@" in url.path or "/" in url.path[1:]:
        raise unreadable(settings)
    return Address(
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        host=host,
        port=port or (default_port if host else None),
        database=unquote(url.path[1:]),
        options=options,
    )


def unreadable(settings: Settings) -> ConfigError:
    scheme = settings.destination.partition("://")[0]
    return ConfigError(
        what="The destination's address cannot be read.",
        do=f"Write {scheme}://user:password@host:port/database; signs such as @ / # ? in the"
        " password are written as %40 %2F %23 %3F.",
        state=UNCHANGED,
    )
