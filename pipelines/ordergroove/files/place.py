"""Where daily files lie: on this machine, or on a server."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipelines.ordergroove.files.found import Found, found_here
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.files.server import PORT, Address

UNTOUCHED = "Nothing was written."


def place_of(text: str) -> Path | Address:
    """The path or the address that is meant. Raises ConfigError for another kind of address."""
    if "://" not in text:
        return Path(text)
    if not text.lower().startswith("sftp://"):
        raise unfit("this is neither a path nor an sftp address.")
    try:
        url = urlsplit(text)
        user, password, host = url.username, url.password, url.hostname
        port = url.port
    except ValueError:
        raise unfit("this is no address.") from None
    if password is not None:
        raise ConfigError(
            what="The address holds a password, which everybody on this machine could see.",
            do="Leave it away, and set ORDERGROOVE_SFTP_PASSWORD.",
            state=UNTOUCHED,
        )
    parts = [unquote(part) for part in (user or "", url.path)]
    if not (host and all(parts)) or url.query or url.fragment or port == 0:
        raise unfit("the address lacks a user, a host or a path, or goes on after them.")
    if re.search(r"[\x00-\x1f\x7f]", "".join(parts)):
        raise unfit("the address holds a sign that cannot be typed.")
    return Address(user=parts[0], host=host, port=port or PORT, path=parts[1])


def unfit(fault: str) -> ConfigError:
    # the text is not repeated: it may hold a password
    return ConfigError(
        what=f"files load: {fault}",
        do="Give a path of this machine, or sftp://user@host/path or sftp://user@host:port/path.",
        state=UNTOUCHED,
    )


@contextmanager
def found_at(place: Path | Address, settings: Settings) -> Iterator[list[Found]]:
    """The reports at a place, in the order of their stamps; they can be read inside the block.

    Raises ConfigError when there is none, and what the server's `Session` raises.
    """
    if isinstance(place, Path):
        yield found_here(place)
        return
    from pipelines.ordergroove.files.remote import found_there

    with found_there(place, settings) as found:
        yield found
