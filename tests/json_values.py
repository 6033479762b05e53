"""JSON values of every sort, and how to tell that none of it got lost."""

import json
import re
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For a machine that has other things to do."""

# any text that JSON can carry, halves of a pair among them
texts = st.text(
    st.one_of(st.characters(), st.characters(categories=["Cs"]), st.sampled_from("\x00\\u0d8"))
)
numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.from_regex(r"-?[0-9]\.[0-9]{1,30}([eE][+-]?[0-9]{1,3})?", fullmatch=True).map(Decimal),
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def sent(value: Any) -> str:
    """The value as a server writes it: decimals with all their digits, the rest in plain ASCII."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(n)}:{sent(v)}" for n, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(sent, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def original(kept: Any) -> Any:
    """What `_unparsed` holds, as it was: a text with such an escape in it is read as JSON."""
    is_escaped = isinstance(kept, str) and re.search(r"\\u(0000|[dD][89a-fA-F])", kept)
    return read(kept) if is_escaped else kept


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values mean the same, number for number; true is no 1 here."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
