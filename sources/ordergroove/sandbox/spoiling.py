"""Pages and records that are not as documented: envelopes, links, missing and impossible values."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from sources.ordergroove.model import Entity


@dataclass(frozen=True, kw_only=True)
class Wound:
    """What a spoilt page is made with."""

    entity: Entity
    field: str | None
    value: Any
    row: int | None
    url: str
    own_url: str
    last_record: Any


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A value that a field should not have, and an entity that has the field."""

    entity: str
    field: str
    value: Any


DRIFTS: Mapping[str, Drift] = {
    "unknown status": Drift(entity="orders", field="status", value=42),
    "extra field": Drift(entity="orders", field="brand_new", value={"since": "today"}),
    "null product": Drift(entity="items", field="product", value=None),
    "object extra_data": Drift(entity="orders", field="extra_data", value={"a": [1, {"b": None}]}),
    "text extra_data": Drift(entity="orders", field="extra_data", value="{not: json"),
    "number as text": Drift(entity="orders", field="tries", value="3"),
    "text as number": Drift(entity="orders", field="order_merchant_id", value=301_617),
    "undefined money": Drift(entity="orders", field="total", value="undefined"),
    "true as text": Drift(entity="subscriptions", field="live", value="True"),
    "null as text": Drift(entity="subscriptions", field="cancelled", value="null"),
    "impossible date": Drift(entity="orders", field="place", value="2017-02-29 00:00:00"),
    "impossible hour": Drift(entity="orders", field="cancelled", value="2020-06-13 014:16:57"),
    "nul": Drift(entity="customers", field="first_name", value="A\x00da"),
    "lone surrogate": Drift(entity="customers", field="last_name", value="Love\ud800lace"),
}
"""Values seen in documentation or in the wild; field and value of a fault replace these."""


def spoil(kind: str, body: bytes, wound: Wound) -> bytes:
    """A page's JSON with one fault in it. An answer that is no page only takes faults of values."""
    content = orjson.loads(body)
    if kind in DRIFTS:
        drift = DRIFTS[kind]
        value = drift.value if wound.value is None else wound.value
        content = _set(content, wound, wound.field or drift.field, value)
    elif kind == "set":
        content = _set(content, wound, wound.field or "", wound.value)
    elif isinstance(content, dict) and "results" in content:
        content = PAGES[kind](content, wound)
    # lone surrogates only exist as escapes
    return json.dumps(content, ensure_ascii=True).encode()


def last_record(body: bytes) -> Any:
    """The last record of a page, None if there is none."""
    content = orjson.loads(body)
    records = content.get("results") if isinstance(content, dict) else None
    return records[-1] if records else None


def _chosen(content: Any, wound: Wound) -> list[dict[str, Any]]:
    """The records that are to be spoilt."""
    records = content.get("results", [content]) if isinstance(content, dict) else content
    chosen: list[dict[str, Any]] = records
    return chosen if wound.row is None else chosen[wound.row : wound.row + 1]


def _set(content: Any, wound: Wound, field: str, value: Any) -> Any:
    for record in _chosen(content, wound):
        record[field] = value
    return content


def _drop(content: Any, wound: Wound) -> Any:
    """Without one field; without its key if none is named."""
    for record in _chosen(content, wound):
        record.pop(wound.field or wound.entity.key[0], None)
    return content


def _odd_record(content: Any, wound: Wound) -> Any:
    """Something in the list that is no record."""
    content["results"].insert(wound.row or 0, wound.value)
    return content


def _duplicate(content: Any, wound: Wound) -> Any:
    """The last record of the page before, once more."""
    if wound.last_record is not None:
        content["results"].insert(0, wound.last_record)
    return content


def _repeat_next(content: Any, wound: Wound) -> Any:
    content["next"] = wound.own_url
    return content


def _next_elsewhere(content: Any, wound: Wound) -> Any:
    """The same link on another scheme, host or port."""
    elsewhere, link = urlsplit(wound.url), urlsplit(content["next"] or wound.own_url)
    content["next"] = urlunsplit(link._replace(scheme=elsewhere.scheme, netloc=elsewhere.netloc))
    return content


def _first_version(content: Any, _: Wound) -> Any:
    """The envelope of page numbers, although cursors were asked for."""
    return {"count": len(content["results"]), **content}


def _bare_list(content: Any, _: Wound) -> Any:
    return content["results"]


def _null_results(content: Any, _: Wound) -> Any:
    return {**content, "results": None}


def _no_results(content: Any, _: Wound) -> Any:
    return {name: value for name, value in content.items() if name != "results"}


def _single_object(content: Any, _: Wound) -> Any:
    return (content["results"] or [{}])[0]


PAGES: Mapping[str, Callable[[Any, Wound], Any]] = {
    "set": lambda content, wound: _set(content, wound, wound.field or "", wound.value),
    "drop": _drop,
    "odd record": _odd_record,
    "duplicate": _duplicate,
    "repeat next": _repeat_next,
    "next elsewhere": _next_elsewhere,
    "v1 envelope": _first_version,
    "bare list": _bare_list,
    "null results": _null_results,
    "no results": _no_results,
    "single object": _single_object,
}
"""Faults of pages."""
