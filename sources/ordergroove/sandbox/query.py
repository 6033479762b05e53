"""What a list is asked for: the documented filters, the defaults that hide, the pages' size.

Assumptions: a value that can not be read is answered with 400 and the parameter's name; parameters
that no page documents are ignored; a bare date as an upper bound means its midnight.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Entity
from sources.ordergroove.sandbox.clock import filter_text
from sources.ordergroove.sandbox.exchange import Pairs
from sources.ordergroove.sandbox.store import Key, Record, Row

DEFAULT_PAGE_SIZE = 10
LARGEST_PAGE_SIZE = 100

Test = Callable[[Record], bool]


class Books(Protocol):
    """What the API needs of a world."""

    @property
    def version(self) -> int: ...
    def rows(self, entity: str) -> Sequence[Row]: ...
    def changed(self, entity: str, start: str, end: str) -> Sequence[Row]: ...
    def find(self, entity: str, key: Key) -> Row | None: ...
    def order_of(self, item: Record) -> Record: ...
    def subscriptions_in(self, order: str) -> set[str | None]: ...


class BadQueryError(Exception):
    """A parameter has a value that can not be read."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"{param}: {message}")
        self.content = {param: [message]}


@dataclass(frozen=True, kw_only=True)
class Filters:
    """An entity's documented filters, apart from those of its row in the table."""

    exact: tuple[str, ...] = ()
    """Parameters that are fields, compared as text."""

    flags: tuple[str, ...] = ()
    """Parameters that are boolean fields; may be repeated."""

    times: tuple[tuple[str, str], ...] = ()
    """Parameter and field: alone an exact date, with `_start` and `_end` inclusive bounds."""


PLACE = (("place", "place"),)
FILTERS = {
    "customers": Filters(
        exact=("email",),
        flags=("live",),
        times=(("created", "created"), ("updated", "last_updated")),
    ),
    "subscriptions": Filters(
        exact=("product", "shipping_address", "customer"),
        flags=("live",),
        times=(("created", "created"), ("updated", "updated")),
    ),
    "orders": Filters(
        exact=("customer", "status"),
        times=(*PLACE, ("created", "created"), ("updated", "updated")),
    ),
    "items": Filters(exact=("order", "offer", "subscription", "product"), flags=("one_time",)),
    "addresses": Filters(exact=("customer",), flags=("live",)),
    "payments": Filters(exact=("customer",)),
    "products": Filters(exact=("product_type",), flags=("live", "autoship_by_default")),
    "one_time_incentives": Filters(
        exact=("customer", "external_code", "item"),
        times=(
            ("created", "created"),
            ("last_updated", "last_updated"),
            ("applied_at", "applied_at"),
        ),
    ),
    "cancel_reasons": Filters(exact=("application",)),
}
WORDS = {"true": True, "1": True, "false": False, "0": False}


def page_size(text: str | None) -> int:
    """Rows on a page. Assumption: clamped to 100; what is no positive number means 10."""
    if text is None or not text.isdecimal() or int(text) == 0:
        return DEFAULT_PAGE_SIZE
    return min(int(text), LARGEST_PAGE_SIZE)


def as_flag(param: str, text: str) -> bool:
    try:
        return WORDS[text.lower()]
    except KeyError:
        raise BadQueryError(param, "Must be a valid boolean.") from None


def as_time(param: str, text: str) -> str:
    try:
        return filter_text(text)
    except ValueError:
        raise BadQueryError(param, "Enter a valid date/time.") from None


def select(books: Books, entity: Entity, query: Pairs) -> Sequence[Row]:
    """The rows that a list shows, by creation and id. Raises BadQueryError."""
    params = {name: [text for key, text in query if key == name] for name, _ in query}
    tests = [*tests_of(books, entity.name, params)]
    rows = changed_rows(books, entity, params)
    if not tests:
        return rows
    return [row for row in rows if all(test(row.record) for test in tests)]


def changed_rows(books: Books, entity: Entity, params: dict[str, list[str]]) -> Sequence[Row]:
    """Rows of the window that the table's change filters describe; both edges belong to it."""
    if entity.changes is None:
        return books.rows(entity.name)
    edges = {
        name: as_time(name, params[name][-1])
        for name in (entity.changes.start, entity.changes.end)
        if params.get(name)
    }
    if not edges:
        return books.rows(entity.name)
    return books.changed(
        entity.name, edges.get(entity.changes.start, ""), edges.get(entity.changes.end, "9")
    )


def tests_of(books: Books, name: str, params: dict[str, list[str]]) -> Iterable[Test]:
    filters = FILTERS.get(name, Filters())
    changes = ENTITIES[name].changes
    taken = {changes.start, changes.end} if changes else set()
    for field in filters.exact:
        if field in params:
            yield _equals(field, params[field][-1])
    for field in filters.flags:
        if field in params:
            yield _one_of(field, {as_flag(field, text) for text in _split(params[field])})
    given = {param: texts for param, texts in params.items() if param not in taken}
    yield from time_tests(filters.times, given)
    yield from SPECIAL.get(name, _nothing_special)(books, params)


def _split(texts: list[str]) -> list[str]:
    return [word for text in texts for word in text.split(",")]


def _equals(field: str, text: str) -> Test:
    if field == "status" and not text.isdecimal():
        raise BadQueryError(field, "Enter a number.")
    return lambda record: record[field] is not None and str(record[field]) == text


def _one_of(field: str, values: set[bool]) -> Test:
    return lambda record: record[field] in values


def time_tests(times: tuple[tuple[str, str], ...], params: dict[str, list[str]]) -> Iterable[Test]:
    """Exact dates and inclusive bounds. `place` is compared by its day: that is what is asked."""
    for param, field in times:
        width = 10 if field == "place" else 19
        if param in params:
            yield _between(field, as_time(param, params[param][-1])[:10], None, 10)
        for suffix in ("start", "end"):
            name = f"{param}_{suffix}"
            if name in params:
                edge = as_time(name, params[name][-1])[:width]
                low, high = (edge, "9") if suffix == "start" else ("", edge)
                yield _between(field, low, high, width)


def _between(field: str, low: str, high: str | None, width: int) -> Test:
    """Whether a field's first characters lie between two texts; `high` None means exactly `low`."""
    top = low if high is None else high

    def test(record: Record) -> bool:
        value: Any = record[field]
        return value is not None and low <= value[:width] <= top

    return test


def _nothing_special(_: Books, __: dict[str, list[str]]) -> Iterable[Test]:
    return ()


def _order_tests(books: Books, params: dict[str, list[str]]) -> Iterable[Test]:
    if "subscription" in params:
        wanted = params["subscription"][-1]
        yield lambda record: wanted in books.subscriptions_in(record["public_id"])


def _item_tests(books: Books, params: dict[str, list[str]]) -> Iterable[Test]:
    """Items are filtered by the status and the day of their order."""
    tests = [*time_tests(PLACE, params)]
    if "status" in params:
        tests.append(_equals("status", params["status"][-1]))
    if tests:
        yield lambda record: all(test(books.order_of(record)) for test in tests)


def _product_tests(_: Books, params: dict[str, list[str]]) -> Iterable[Test]:
    """Hides products that can not be subscribed to, or no longer, unless told otherwise."""
    enabled = params.get("autoship_enabled", ["true"])[-1].lower()
    if enabled != "all":
        yield _one_of("autoship_enabled", {as_flag("autoship_enabled", enabled)})
    discontinued = params.get("allow_discontinued", ["false"])[-1].lower()
    if discontinued == "strict":
        yield _one_of("discontinued", {True})
    elif not as_flag("allow_discontinued", discontinued):
        yield _one_of("discontinued", {False})
    for param, field in (("group_name", "name"), ("group_type", "group_type")):
        if param in params:
            yield _in_group(field, params[param][-1])
    if wanted := params.get("external_product_ids[]"):
        yield lambda record: record["external_product_id"] in wanted
    if part := params.get("id_or_name", [""])[-1].lower():
        yield lambda record: part in f"{record['external_product_id']} {record['name']}".lower()


def _in_group(field: str, text: str) -> Test:
    return lambda record: any(group[field] == text for group in record["groups"])


def _profile_tests(_: Books, params: dict[str, list[str]]) -> Iterable[Test]:
    """Hides archived profiles unless told otherwise."""
    status = params.get("status", ["available"])[-1]
    if status not in ("available", "archived", "all"):
        raise BadQueryError("status", "Select a valid choice.")
    if status != "all":
        yield _equals_text("status", status)


def _incentive_tests(books: Books, params: dict[str, list[str]]) -> Iterable[Test]:
    """By order: its own incentives, and those of its items only if that is asked for."""
    if "order" not in params:
        return
    order = params["order"][-1]
    with_items = as_flag("include_item_level", params.get("include_item_level", ["false"])[-1])

    def test(record: Record) -> bool:
        if record["order"] is not None or not with_items:
            return bool(record["order"] == order)
        item = books.find("items", record["item"])
        return item is not None and bool(item.record["order"] == order)

    yield test


def _equals_text(field: str, text: str) -> Test:
    return lambda record: bool(record[field] == text)


SPECIAL: dict[str, Callable[[Books, dict[str, list[str]]], Iterable[Test]]] = {
    "orders": _order_tests,
    "items": _item_tests,
    "products": _product_tests,
    "offer_profiles": _profile_tests,
    "one_time_incentives": _incentive_tests,
}
