"""How records look on the wire: fields that must be asked for, and the envelopes around them."""

import re
from collections.abc import Callable, Sequence

import orjson

from sources.ordergroove.model import Entity
from sources.ordergroove.sandbox.exchange import Ask
from sources.ordergroove.sandbox.store import Record, Row

ASKED = re.compile(r"(\w+)=(\w+)")
WITHOUT_PRICES = ("price", "extra_cost", "total_price", "order_updated")
FLEX = "standard_flex_incentives"


def shaper(entity: Entity, ask: Ask) -> Callable[[Record], Record] | None:
    """What to do to each record before it is shown; None when it is shown as it is."""
    hidden = {*unasked(entity, ask)}
    if entity.name == "items" and (ask.param("omit_price_calculation") or "").lower() == "true":
        hidden.update(WITHOUT_PRICES)
    plain_coupons = entity.name == "offer_profiles" and FLEX not in (
        ask.param("offer_profile_category") or ""
    )
    if not hidden and not plain_coupons:
        return None

    def shaped(record: Record) -> Record:
        shown = {name: value for name, value in record.items() if name not in hidden}
        return _without_flex(shown) if plain_coupons else shown

    return shaped


def unasked(entity: Entity, ask: Ask) -> list[str]:
    """Fields that the table shows to need a parameter which this request lacks."""
    names = []
    for column in entity.columns:
        condition = ASKED.fullmatch(column.only_if or "")
        if condition and (ask.param(condition[1]) or "").lower() != condition[2]:
            names.append(column.name)
    return names


def _without_flex(profile: Record) -> Record:
    coupons = ("recurring_coupon", "initial_coupon")
    return {
        name: {key: part for key, part in value.items() if key != FLEX}
        if name in coupons and value
        else value
        for name, value in profile.items()
    }


def results(rows: Sequence[Row], shaped: Callable[[Record], Record] | None) -> list[Record]:
    records = [row.record for row in rows]
    return [shaped(record) for record in records] if shaped else records


def envelope(
    records: list[Record], *, onward: str | None, behind: str | None, count: int | None = None
) -> bytes:
    """A page: links and results, and in the first version of the API the number of all rows."""
    links = {"next": onward, "previous": behind}
    counted = {} if count is None else {"count": count}
    return orjson.dumps({**counted, **links, "results": records})
