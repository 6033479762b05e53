"""Where daily files lie."""

from pathlib import Path

from sources.ordergroove.errors import ConfigError


def local(place: str) -> Path:
    """The path that is meant. Raises ConfigError for an address: only what lies here is read."""
    if "://" in place:
        raise ConfigError(
            what="files load reads from this machine only; an address was given.",
            do="Fetch the files with an SFTP program that checks the server's key, then give"
            " their directory.",
            state="Nothing was written.",
        )
    return Path(place)
