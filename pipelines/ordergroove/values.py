"""How the text of a setting becomes a value, whatever place it came from.

Each function takes the text and returns the value or raises UnfitError, which says what is wrong
and what to write instead. Nothing here knows the names of the settings.
"""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from sources.ordergroove.graphql.limits import LATEST, VERSION

DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw]\s*)+", re.ASCII)
# calendar months and years have no fixed length, so the M and Y of dates are left out
ISO_DURATION = re.compile(
    r"p(?=.)(?:\d+w)?(?:\d+d)?(?:t(?=\d)(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?s)?)?", re.ASCII
)
SECONDS_OF = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST = timedelta(days=3650)

DATASET = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", re.ASCII)
# PostgreSQL cuts names at 63 characters, and the loader appends `_staging`
LONGEST_DATASET = 55
MEMORY = re.compile(r"\d+(?:\.\d+)?\s*(?:[KMGT]i?B)", re.ASCII | re.IGNORECASE)


class UnfitError(ValueError):
    """A text that is no value of its setting."""

    def __init__(self, wrong: str, instead: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        """What is wrong with the text; never shows a secret."""
        self.instead = instead
        """What to write, as a sentence."""


class Secret:
    """A text that shows itself to nobody who does not ask for it by name."""

    # no dataclass: `dataclasses.asdict` of what holds it would lay the text open
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or nothing when no known word resembles it."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def api_key(text: str) -> Secret:
    """The key without the white space and newline that copying leaves around it."""
    stripped = text.strip()
    if not stripped or not all("!" <= char <= "~" for char in stripped):
        raise UnfitError(
            "the key holds a space or a character that can not stand in a request's header",
            "Copy the key again, without quotes and line breaks.",
        )
    return Secret(stripped)


def choice(*known: str) -> Callable[[str], str]:
    """A parser for one of a few words."""

    def one_of(text: str) -> str:
        if text not in known:
            raise UnfitError(
                f"{text!r} is not known{suggestion(text.lower(), known)}",
                f"Write one of: {', '.join(known)}.",
            )
        return text

    return one_of


def names_among(known: Iterable[str], *, or_none: bool = False) -> Callable[[str], tuple[str, ...]]:
    """A parser for a comma-separated list of known names; `all` stands for every one of them.

    Names come back once each and in the order of `known`; with `or_none`, `none` is no name.
    """
    order = tuple(known)

    def names(text: str) -> tuple[str, ...]:
        if or_none and text.strip().lower() == "none":
            return ()
        asked = [word for part in text.split(",") if (word := part.strip())]
        for word in asked:
            if word not in order and word != "all":
                raise UnfitError(
                    f"unknown name {word!r}{suggestion(word.lower(), order)}",
                    f"Write all, or some of: {', '.join(order)}.",
                )
        if not asked:
            raise UnfitError("no name is given", f"Write all, or some of: {', '.join(order)}.")
        return order if "all" in asked else tuple(name for name in order if name in asked)

    return names


def base_url(text: str) -> str:
    """Scheme, host and port of a service, without a slash at the end.

    https only, but to the own machine: the key would travel in the clear.
    """
    # `urlsplit` drops tabs and line breaks without a word
    if re.search(r"[\s\\\x00-\x1f\x7f]", text):
        raise _bad_url("holds a space, a backslash or a control character")
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise _bad_url("is no address") from None
    if fault := _fault_of(url):
        raise _bad_url(fault)
    shown = f"[{host}]" if ":" in str(host) else host
    return f"{url.scheme}://{shown}" + (f":{port}" if port is not None else "")


def _fault_of(url: SplitResult) -> str | None:
    if url.scheme not in {"http", "https"} or not url.hostname:
        return "is no https address with a host"
    if "@" in url.netloc:
        return "holds a user name or password"
    if url.query or url.fragment or url.path not in {"", "/"}:
        return "goes on after the host"
    if url.scheme == "http" and not is_loopback(url.hostname):
        return "would send the API key in the clear"
    return None


def _bad_url(fault: str) -> UnfitError:
    # the text is not repeated: it may hold a password
    return UnfitError(
        f"the address {fault}",
        "Write https://host or https://host:port; plain http goes to 127.0.0.1, ::1 and "
        "localhost only.",
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address surely means the own machine; no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def destination(text: str) -> str:
    """The address of a warehouse, or the name of a destination configured in dlt.

    Only its shape is seen here; what each engine wants is known where it is opened.
    """
    stripped = text.strip()
    is_name = re.fullmatch(r"[A-Za-z]\w*", stripped, re.ASCII)
    is_url = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*:\S.*", stripped, re.ASCII)
    if not (is_name or is_url):
        # the text is not repeated: it may hold a password
        raise UnfitError(
            "this is neither an address nor a name",
            "Write for example duckdb:///warehouse.duckdb or postgresql://user@host/database.",
        )
    return stripped


def without_secrets(address: str) -> str:
    """A destination's address without password and options, fit for logs and messages."""
    scheme, mark, rest = address.partition("://")
    # a password may hold any of the signs that end it, so the last @ counts
    before, at, after = rest.rpartition("@")
    user = re.split("[:/?#]", before)[0]
    return re.split("[?#]", f"{scheme}{mark}{user}{at}{after}")[0]


def dataset(text: str) -> str:
    """The name of a schema that every engine and the loader leave as it is."""
    do = "Write lower-case letters, digits and single underscores, beginning with a letter."
    if not DATASET.fullmatch(text):
        raise UnfitError(f"{text!r} would be renamed on the way into the warehouse", do)
    if text.endswith("_staging"):
        raise UnfitError(f"{text!r} is a name for the loader's own staging tables", do)
    if len(text) > LONGEST_DATASET:
        raise UnfitError(f"{text!r} is longer than {LONGEST_DATASET} characters", do)
    return text


def zone(text: str) -> str:
    """The name of a time zone whose rules this machine knows."""
    try:
        ZoneInfo(text)
    # a directory of zones, or a name that leads out of them, is no zone either
    except (KeyError, ValueError, OSError):
        raise UnfitError(
            f"{text!r} is no known time zone{suggestion(text, available_timezones())}",
            "Write a name such as America/New_York or America/Chicago.",
        ) from None
    return text


def duration(*, least: timedelta = timedelta(0), why: str = "") -> Callable[[str], timedelta]:
    """A parser for spans such as `2h`, `1h30m` or `PT2H`, from `least` to ten years; 0 is zero.

    `why` tells the reader of the error why nothing shorter will do.
    """

    def span(text: str) -> timedelta:
        seconds = _seconds(text.strip().lower())
        if seconds is None:
            raise UnfitError(
                f"{text!r} is no duration",
                "Write a number and a unit: 90s, 30m, 2h, 1d, or PT2H.",
            )
        if seconds < least.total_seconds():
            reason = f": {why}" if why else ""
            raise UnfitError(f"{text!r} is too short{reason}", f"Write {_shown(least)} or more.")
        if seconds > LONGEST.total_seconds():
            raise UnfitError(f"{text!r} is too long", f"Write {_shown(LONGEST)} or less.")
        return timedelta(seconds=seconds)

    return span


def _seconds(text: str) -> float | None:
    if text == "0":
        return 0.0
    if not (DURATION.fullmatch(text) or ISO_DURATION.fullmatch(text)):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text, re.ASCII)
    return sum(float(count) * SECONDS_OF[unit] for count, unit in parts)


def _shown(span: timedelta) -> str:
    """The span in the largest unit that divides it: `2h`, `3650d`, `0s`."""
    seconds = int(span.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % SECONDS_OF[unit] == 0:
            return f"{seconds // SECONDS_OF[unit]}{unit}"
    return f"{seconds}s"


def whole_number(*, least: int, most: int) -> Callable[[str], int]:
    """A parser for a count."""

    def count(text: str) -> int:
        is_number = re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII)
        if not is_number or not least <= int(text) <= most:
            raise UnfitError(
                f"{text!r} is no whole number from {least} to {most}",
                f"Write a whole number from {least} to {most}.",
            )
        return int(text)

    return count


def seconds(text: str) -> float:
    """A number of seconds above zero, at most an hour; the unit may be written out."""
    stripped = text.strip().lower()
    value = _seconds(stripped if stripped.endswith("s") else f"{stripped}s")
    if value is None or not 0 < value <= SECONDS_OF["h"]:
        raise UnfitError(f"{text!r} is no number of seconds", "Write a number above 0, as in 5.")
    return value


def memory(text: str) -> str:
    """A size as DuckDB writes it, `128MB` or `1GiB`."""
    stripped = text.strip()
    if not MEMORY.fullmatch(stripped) or float(re.split(r"[A-Za-z]", stripped)[0]) == 0:
        raise UnfitError(f"{text!r} is no size", "Write a number and a unit: 128MB, 1GB.")
    return stripped


def graphql_version(text: str) -> str:
    if not VERSION.fullmatch(text):
        raise UnfitError(f"{text!r} is no version", f"Write it like {LATEST}, or unstable.")
    return text


def path(text: str) -> Path:
    """A path as written; an empty one would mean the working directory and is refused."""
    if not text.strip():
        raise UnfitError("the path is empty", "Write a path.")
    return Path(text)


def path_or_none(text: str) -> Path | None:
    return None if text.strip().lower() == "none" else path(text)
