"""The kinds of value an Ordergroove field can hold, by name and meaning.

A kind says what a value *is*. How it is parsed stands in `rows.py`, what type of column it
becomes stands with the warehouse: this page knows neither.
"""

from enum import StrEnum


class Kind(StrEnum):
    """What a field means, whatever JSON type happens to carry it."""

    TEXT = "text"
    """Any text: names, ids, codes. Ids are text even where they look like numbers."""

    INTEGER = "bigint"
    """A whole number of at most 64 bits."""

    BOOLEAN = "boolean"
    """True or false; some examples spell it as the text `True`."""

    MONEY = "decimal"
    """An exact amount in the currency of its row: decimal text, never a float."""

    LOCAL_STAMP = "timestamp"
    """Ordergroove's wall clock, `YYYY-MM-DD HH:MM:SS` without a zone; `_utc` stands beside it."""

    DATE = "date"
    """A calendar day."""

    JSON = "json"
    """A list, an object, or a field whose documentation shows several shapes."""


class Personal(StrEnum):
    """How a field relates to a person; what `forget` erases is decided by this."""

    NO = "no"
    PSEUDONYM = "pseudonym"
    """Identifies a person only together with the shop's own records."""

    DIRECT = "direct"
    """Names or reaches a person: name, e-mail, street."""

    PAYMENT = "payment"
    """Tells something of a card."""

    SECRET = "secret"  # noqa: S105 - the name of a class of data, not a password
    """A token that opens something elsewhere."""

    FREE_TEXT = "free text"
    """Typed by people or filled by a shop's own code: may hold anything."""
