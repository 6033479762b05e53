"""Where a request goes and what it carries."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    import httpx


class Question(NamedTuple):
    """One GET, before it is sent."""

    url: str
    query: Mapping[str, str] | None = None
    """None: the URL holds it already."""

    is_first_version: bool = False
    """Put to the first version of the API, which counts."""


def origin(url: "httpx.URL") -> tuple[str, str, int | None]:
    """Scheme, host and port, the default port written out."""
    default = {"https": 443, "http": 80}.get(url.scheme)
    return url.scheme, url.host, url.port or default


def shown_origin(url: "httpx.URL") -> str:
    """Scheme, host and port as a person reads them."""
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme or '?'}://{url.host or '?'}{port}"


def checked_key(key: str) -> str:
    """The key. Raises ConfigError for one that no header can carry."""
    if not (key and key.isascii() and key.isprintable() and key == key.strip()):
        raise ConfigError(
            "The API key is empty, or holds a space or character that no key has.",
            "Copy it from Ordergroove once more into ORDERGROOVE_API_KEY.",
        )
    return key
