"""JSON text that loses nothing: every digit, any depth, texts that no warehouse can hold.

orjson does the work wherever it can. It reads numbers that a double cannot hold as a near double,
writes NaN as null, and refuses integers of more than 64 bits, lone surrogates and nesting deeper
than 253 levels: the rest of this page is for those.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

ILL_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What warehouses cannot hold as text: NUL, and halves of a pair that are not a character."""

# read from left to right: an escaped backslash and a whole pair are passed over as they are
ILL_ESCAPE = re.compile(
    r"(\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})"
)
LOOKS_ILL = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
FLOAT = re.compile(rb"[:,\[]-?[0-9]+[.e]")
MOST_DIGITS = 1000
"""Of an integer that is read as one; Python refuses to write those of more than 4,300."""

# what is ours to write comes to `number`
OURS = orjson.OPT_PASSTHROUGH_DATACLASS
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Digits:
    """A number that no type of Python's holds or writes: its text as it was sent."""

    text: str


class Mark(str):
    """A piece of finished JSON text among values still to be written."""

    __slots__ = ()


def dumped(value: Any) -> str:
    """A JSON value as compact JSON text, all digits kept; NaN and infinities become texts.

    A NUL or a lone surrogate stands in it as its escape, which warehouses do not take: see
    `mended` and `escaped`.
    """
    try:
        text = orjson.dumps(value, default=number, option=OURS).decode()
    except TypeError:
        return written(value)
    return written(value) if "null" in text and holds_nan(value) else text


def number(value: Any) -> Any:
    """A number that orjson does not know, as it is to write it: the digits that were sent."""
    if isinstance(value, Digits):
        return orjson.Fragment(value.text)
    if not isinstance(value, Decimal):
        raise TypeError
    return orjson.Fragment(str(value)) if value.is_finite() else str(value)


def holds_nan(value: Any) -> bool:
    try:
        json.dumps(value, default=str, allow_nan=False)
    except ValueError:
        return True
    return False


def written(value: Any) -> str:
    """The same text as `dumped`, slowly, for whatever orjson cannot write."""
    text: list[str] = []
    todo: list[Any] = [value]
    # a stack of our own: a call within a call for each level would end at Python's limit
    while todo:
        part = todo.pop()
        if isinstance(part, Mark):
            text.append(part)
        elif isinstance(part, dict) and part:
            steps: list[Any] = [Mark("}")]
            for name, inner in reversed(part.items()):
                steps += [inner, Mark(f",{quoted(name)}:")]
            todo += [*steps[:-1], Mark("{" + steps[-1][1:])]
        elif isinstance(part, list) and part:
            steps = [Mark("]")]
            for inner in reversed(part):
                steps += [inner, Mark(",")]
            todo += [*steps[:-1], Mark("[")]
        else:
            text.append(plain(part))
    return "".join(text)


def plain(value: Any) -> str:
    """A value without parts as JSON text."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Digits):
        return value.text
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else quoted(str(value))
    if isinstance(value, float):
        is_number = math.isfinite(value)
        return orjson.dumps(value).decode() if is_number else quoted(json.dumps(value))
    return json.dumps(value)


def quoted(text: str) -> str:
    return SURROGATE.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False)
    )


def mended(text: str) -> str:
    """JSON text with U+FFFD for each escape of a NUL or a lone surrogate."""
    if not LOOKS_ILL.search(text):
        return text
    return ILL_ESCAPE.sub(lambda found: found[1] or "\ufffd", text)


def escaped(value: Any) -> Any:
    """The value itself; where it holds a NUL or a lone surrogate, its JSON text as a text.

    DuckDB and PostgreSQL refuse such escapes in JSON, so they are escaped once more. A text that
    merely looks like one is treated alike: whoever finds `\\u0000` or `\\ud8..` in a text of
    `_unparsed` reads that text as JSON and has the original.
    """
    text = dumped(value)
    return text if LOOKS_ILL.search(text) else value


def kept_text(fields: Mapping[str, Any]) -> str:
    """Fields and values as one JSON text that every warehouse takes."""
    return dumped({escaped(name): escaped(value) for name, value in fields.items()})


def holds_float(values: Iterable[Any]) -> bool:
    """Whether a number among the values was read as a double. May say yes without need."""
    try:
        text = orjson.dumps(list(values), default=number, option=OURS)
    except TypeError:
        return True
    return FLOAT.search(text) is not None


def exact_document(body: bytes) -> Any:
    """A JSON document with every digit of its numbers. Raises ValueError and RecursionError."""
    return json.loads(body.decode("utf-8", "replace"), parse_float=fraction, parse_int=whole)


def exactly_parsed(body: bytes) -> list[Any] | None:
    """The records of an answer with each fraction as a decimal; None when it cannot be read so."""
    try:
        document = exact_document(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict):
        document = document.get("results", [document])
    return document if isinstance(document, list) else None


def fraction(text: str) -> Decimal | Digits:
    try:
        return Decimal(text)
    except InvalidOperation:
        # an exponent beyond all decimals
        return Digits(text)


def whole(text: str) -> int | Digits:
    return int(text) if len(text) <= MOST_DIGITS else Digits(text)
