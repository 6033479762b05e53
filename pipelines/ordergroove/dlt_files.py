"""Our section in dlt's own TOML files, read without importing dlt.

dlt reads `.dlt/secrets.toml` and `.dlt/config.toml` of the working directory and of the home
directory; what stands there under `[sources.ordergroove]` holds for this program too.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.ordergroove.values import suggestion
from sources.ordergroove.errors import ConfigError

SECTION = ("sources", "ordergroove")
FILES = ("secrets.toml", "config.toml")
UNCHANGED = "Nothing was written and no watermark moved."


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one file says, as text; empty values are left out."""

    label: str
    """How people know the file: `.dlt/config.toml` or `~/.dlt/config.toml`."""

    texts: Mapping[str, str]


def sections_in(cwd: Path, home: Path, *, known: Collection[str]) -> list[Section]:
    """Our section of each file, the strongest first; a file that is not there says nothing.

    Raises ConfigError for a file that can not be read or parsed, a key that is not `known`, and
    a value that is no text, number, truth value or list of texts.
    """
    directories = [(cwd / ".dlt", ".dlt")]
    if home != cwd:
        directories.append((home / ".dlt", "~/.dlt"))
    return [
        _section(directory / file, f"{label}/{file}", known)
        for directory, label in directories
        for file in FILES
    ]


def _section(file: Path, label: str, known: Collection[str]) -> Section:
    table: Any = _parsed(file, label)
    for key in SECTION:
        table = table.get(key, {}) if isinstance(table, dict) else None
    name = f"[{'.'.join(SECTION)}]"
    if not isinstance(table, dict):
        raise _wrong(f"{label}: {name} is no table.", f"Write a line {name}, keys below it.")
    for key in table:
        if key not in known:
            raise _wrong(
                f"{label}: the key {key!r} in {name} is no setting{suggestion(key, known)}.",
                f"Remove it, or use one of: {', '.join(known)}.",
            )
    texts = {key: _text(value, key, label).strip() for key, value in table.items()}
    return Section(label=label, texts={key: text for key, text in texts.items() if text})


def _parsed(file: Path, label: str) -> dict[str, Any]:
    try:
        # some editors of Windows begin a file with a mark that TOML does not know
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise _wrong(
            f"{label} can not be read: {fault.strerror}.", f"Make {file} readable for this user."
        ) from None
    except UnicodeDecodeError:
        raise _wrong(f"{label} is not written in UTF-8.", f"Save {file} as UTF-8.") from None
    except tomllib.TOMLDecodeError as fault:
        # the parser's own words may repeat what stands in the file, a key perhaps
        place = re.search(r"line \d+, column \d+", str(fault))
        raise _wrong(
            f"{label} is no valid TOML ({place[0] if place else 'at its end'}).",
            f"Mend {file}: each line is `name = value`, texts stand in quotes.",
        ) from None


def _text(value: object, key: str, label: str) -> str:
    """The value as somebody would write it in a variable; never shown, it may be secret."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    raise _wrong(
        f"{label}: {key!r} is neither a text nor a number nor a list of texts.",
        "Write it as a text in quotes.",
    )


def _wrong(what: str, do: str) -> ConfigError:
    return ConfigError(what=what, do=do, state=UNCHANGED)
