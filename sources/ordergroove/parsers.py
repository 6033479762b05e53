"""Lenient parsers, one value at a time: used only for the columns that do not fit as a whole.

Each takes a JSON value and returns what the column holds, or raises Misfit: the caller then keeps
the original beside the row. Leniency is for what the documentation itself shows in several shapes;
money is exact or not at all.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import orjson

from sources.ordergroove.clock import instant_of, wall_clock
from sources.ordergroove.exact import ILL_TEXT, dumped, mended
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import Column

BOOLEAN_TEXTS = {"true": True, "false": False}
WHOLE = re.compile(r"-?[0-9]{1,19}")
# exponents of more digits name no money, and cost memory to write out
AMOUNT = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*")
STAMP = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6}(?P<finer>[0-9]*))?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
LARGEST = 10**14
PLACES = Decimal("0.0001")
INT64 = range(-(2**63), 2**63)


class Misfit(ValueError):
    """The value is not of the column's kind, or not all of it fits.

    `instead` is what the column holds in its place; the original is kept beside the row.
    """

    def __init__(self, instead: Any = None) -> None:
        super().__init__()
        self.instead = instead


def parsed(value: Any, column: Column, zone: str) -> Any:
    """The value as the column holds it, None for null. Raises Misfit.

    Texts that mean null, such as `"null"`, are no null: the column holds null in their place.
    """
    return None if value is None else PARSERS[column.kind](value, column, zone)


def text(value: Any, column: Column, zone: str) -> str:
    if isinstance(value, str):
        if ILL_TEXT.search(value):
            raise Misfit(instead=ILL_TEXT.sub("\ufffd", value))
        return value
    if "integer" in column.also and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Misfit


def integer(value: Any, column: Column, zone: str) -> int:
    number = whole_number(value)
    if number not in INT64:
        raise Misfit
    if isinstance(value, str) and value != str(number):
        # leading zeros: perhaps it was no number after all
        raise Misfit(instead=number)
    return number


def whole_number(value: Any) -> int:
    """A float is none, not even 1.0: it may be what was left of 1.00000000000000001."""
    if isinstance(value, str) and WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, Decimal) and is_below(value, INT64.stop) and value == int(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Misfit


def is_below(number: Decimal, bound: int) -> bool:
    """Whether its size is below `bound`, told without writing out 1E+999999999."""
    return number.is_finite() and number.copy_abs() < bound


def boolean(value: Any, column: Column, zone: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in BOOLEAN_TEXTS:
        return BOOLEAN_TEXTS[value.lower()]
    raise Misfit


def money(value: Any, column: Column, zone: str) -> Decimal:
    """Exact to four places. A float does not fit: its page is parsed again as decimals."""
    if isinstance(value, str):
        if not AMOUNT.fullmatch(value):
            raise Misfit
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Misfit
    amount = Decimal(value.strip() if isinstance(value, str) else value)
    if not is_below(amount, LARGEST):
        raise Misfit
    rounded = amount.quantize(PLACES)
    if rounded != amount:
        raise Misfit
    return rounded


def local_stamp(value: Any, column: Column, zone: str) -> datetime:
    """Wall-clock time. A value that carries an offset is turned into the zone's wall clock."""
    stamp, is_finer = date_time(value)
    try:
        local = stamp if stamp.tzinfo is None else wall_clock(stamp, zone)
    except OverflowError:
        raise Misfit from None
    # the ends of the calendar have no instant in every zone
    if not date.min.year < local.year < date.max.year:
        raise Misfit
    # an instant within the hour that autumn repeats is not what its wall clock says
    if is_finer or (stamp.tzinfo is not None and instant_of(local, zone) != stamp):
        raise Misfit(instead=local)
    return local


def day(value: Any, column: Column, zone: str) -> date:
    """The day as written; a time of day beside it is kept with the original."""
    stamp, is_finer = date_time(value)
    if is_finer or stamp.tzinfo is not None or stamp.time() != time.min:
        raise Misfit(instead=stamp.date())
    return stamp.date()


def date_time(value: Any) -> tuple[datetime, bool]:
    """A date, or a date and time; and whether there is more of it than microseconds hold."""
    form = STAMP.fullmatch(value) if isinstance(value, str) else None
    if not form:
        raise Misfit
    try:
        stamp = datetime.fromisoformat(value)
    except ValueError:
        raise Misfit from None
    if stamp.date().isoformat() != form["day"]:
        # some versions of Python read 24:00 as the next day
        raise Misfit
    return stamp, bool((form["finer"] or "").strip("0"))


def json_text(value: Any, column: Column, zone: str) -> str:
    """The value as JSON text. Text that holds an object or list is kept as it was sent."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            orjson.loads(value)
        except ValueError:
            pass
        else:
            return well(value)
    return well(dumped(value))


def any_json(value: Any) -> str | None:
    """A value of a field that nobody documented, as JSON text."""
    return None if value is None else well(dumped(value))


def well(text: str) -> str:
    """JSON text that every warehouse takes. Raises Misfit with one where this is none."""
    if mended(text) != text:
        raise Misfit(instead=mended(text))
    return text


PARSERS: Mapping[Kind, Callable[[Any, Column, str], Any]] = {
    Kind.TEXT: text,
    Kind.INTEGER: integer,
    Kind.BOOLEAN: boolean,
    Kind.MONEY: money,
    Kind.LOCAL_STAMP: local_stamp,
    Kind.DATE: day,
    Kind.JSON: json_text,
}
