"""The sandbox API: one request in, one answer out; no sockets, no waiting.

Assumptions that no page documents: lists are ordered by (creation, id); a bad cursor is answered
with 404 `Invalid cursor`; a bad filter with 400; an unknown path, or one without its last slash,
with 404.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Answer as Shape
from sources.ordergroove.model import Entity
from sources.ordergroove.sandbox import graphql
from sources.ordergroove.sandbox.exchange import (
    JSON_TYPE,
    Answer,
    Ask,
    Call,
    Pairs,
    detail,
    json_answer,
)
from sources.ordergroove.sandbox.faults import Fault, Faults, Trouble
from sources.ordergroove.sandbox.graphql_shapes import Books
from sources.ordergroove.sandbox.paging import (
    BadCursorError,
    Page,
    Walk,
    cut,
    decode,
    encode,
    numbered,
)
from sources.ordergroove.sandbox.purchase import Desk, is_desk
from sources.ordergroove.sandbox.query import BadQueryError, page_size, select
from sources.ordergroove.sandbox.rules import DEMO_KEY, Key, Rules, WithoutBulk
from sources.ordergroove.sandbox.shapes import envelope, results, shaper
from sources.ordergroove.sandbox.store import Row
from sources.ordergroove.sandbox.throttle import Remembered, Throttle

if TYPE_CHECKING:
    import httpx

VERSION_HEADER = "x-og-api-version"
REMEMBERED_HEADERS = ("accept", "host", "user-agent", VERSION_HEADER)
DOOR = "graphql"
"""What faults call the door beside the lists."""

PAGING = frozenset({"cursor", "page", "page_size"})
NOT_FOUND = "Unable to find requested asset."
PATHS = {entity.path: entity for entity in ENTITIES.values()}


class Clocked(Books, Protocol):
    """A world with a clock."""

    @property
    def now(self) -> datetime: ...


OnPage = Callable[[Any, Call], None]


class Sandbox:
    """An Ordergroove API over a world. Safe to share between threads.

    `keys` maps API keys to what they may do; `faults` are applied in their order. `on_page` is
    called with the world and the call after each list answer, to change the world while a client
    is paging. `monotonic` is the clock of the rate limit and of the recorded calls. `cache_mb`
    keeps pages once made, for measurements in which the server must cost next to nothing.
    """

    def __init__(
        self,
        world: Clocked,
        *,
        keys: Mapping[str, Key] | None = None,
        faults: Faults | Iterable[Fault | Faults] = (),
        rules: Rules | None = None,
        on_page: OnPage | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        cache_mb: int = 0,
    ) -> None:
        self.world = world
        self.keys = {DEMO_KEY: Key()} if keys is None else dict(keys)
        self.trouble = Trouble((faults,) if isinstance(faults, Faults) else tuple(faults))
        self.rules = rules or Rules()
        self.desk = Desk(world, self.rules.pending_results, self.rules.partial_status)
        self.on_page = on_page
        self.calls: list[Call] = []
        self.lock = threading.RLock()
        self.monotonic = monotonic
        self._born = monotonic()
        self.throttle = Throttle(self.rules.limit)
        self.remembered = Remembered(cache_mb * 1_000_000)
        self._numbers: Counter[tuple[str, bool]] = Counter()
        self._selected: dict[tuple[str, Pairs], tuple[int, Sequence[Row]]] = {}

    def respond(
        self,
        method: str,
        path: str,
        query: str | Pairs = (),
        headers: Mapping[str, str] | None = None,
        host_url: str = "https://sandbox.test",
        started: float | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Answers one request and records it.

        `path` and a textual `query` are as sent, percent-encoded. `started` is when the client's
        request came in, on the monotonic clock, if that was before this call.
        """
        pairs = tuple(parse_qsl(query, keep_blank_values=True)) if isinstance(query, str) else query
        ask = Ask(
            method=method.upper(),
            path=path,
            query=pairs,
            headers={name.lower(): value for name, value in (headers or {}).items()},
            host_url=host_url.rstrip("/"),
            body=body,
        )
        with self.lock:
            began = self.monotonic() if started is None else started
            entity, key = find_entity(path)
            answer = self._answer(ask, entity, key)
            call = self._record(ask, entity, key, answer, began)
            if self.on_page and call.is_list:
                self.on_page(self.world, call)
        return answer

    def handle(self, request: "httpx.Request") -> "httpx.Response":
        """The same for httpx: `httpx.Client(transport=httpx.MockTransport(sandbox.handle))`."""
        from sources.ordergroove.sandbox.transport import exchange

        return exchange(self, request)

    def _record(
        self, ask: Ask, entity: Entity | None, key: str | None, answer: Answer, began: float
    ) -> Call:
        call = Call(
            entity=entity.name if entity else None,
            method=ask.method,
            path=ask.path,
            path_key=key,
            query=ask.query,
            headers={name: ask.headers[name] for name in REMEMBERED_HEADERS if name in ask.headers},
            status=answer.status,
            started=began,
            ended=self.monotonic() + answer.delay_s,
            retry_after=answer.headers.get("Retry-After"),
        )
        self.calls.append(call)
        return call

    def date(self) -> datetime:
        """What the server believes the time to be, UTC."""
        moment = self.world.now + timedelta(seconds=self.rules.skew_s)
        if self.rules.is_ticking:
            moment += timedelta(seconds=self.monotonic() - self._born)
        return moment

    def _answer(self, ask: Ask, entity: Entity | None, key: str | None) -> Answer:
        dated = {"Date": format_datetime(self.date(), usegmt=True)}
        refusal = self._refuse(ask)
        if refusal or entity is None:
            answer = refusal or self._door(ask) or detail(404, "Not found.")
        else:
            self._numbers[entity.name, key is None] += 1
            number = self._numbers[entity.name, key is None]
            faults = self.trouble.choose(entity.name, number, is_list=key is None)
            ask = self.trouble.bend(ask, entity, faults)
            answer = self._show(ask, entity, key)
            answer = self.trouble.spoil(ask, entity, answer, faults, self.date())
        return replace(answer, headers={**dated, **answer.headers})

    def _refuse(self, ask: Ask) -> Answer | None:
        """What keeps a request from being looked at: the rate limit, the key, the method."""
        if self.throttle.refuses(self.monotonic()):
            return self._too_many()
        if ask.headers.get("x-api-key") not in self.keys and not self.desk.is_signed(ask):
            return detail(self.rules.refusal_status, "Authentication Failed")
        if ask.method != "GET" and not is_door(ask.path):
            return detail(405, f'Method "{ask.method}" not allowed.')
        return None

    def _door(self, ask: Ask) -> Answer | None:
        """The answer of a door beside the lists, None where there is none."""
        key, now = self.keys.get(ask.headers.get("x-api-key", ""), Key()), self.date()
        answer: Answer | None
        if ask.path.startswith(graphql.PREFIX):
            door, sunsets = "graphql", self.rules.sunsets
            answer = graphql.answer(ask, self.world, sunsets=sunsets, now=now, has_bulk=key.bulk)
        else:
            door, answer = "purchase", self.desk.answer(ask)
        if answer is None:
            return None
        self._numbers[door, True] += 1
        faults = self.trouble.choose(door, self._numbers[door, True], is_list=True)
        return self.trouble.spoil_door(ask, answer, faults, now)

    def _too_many(self) -> Answer:
        answer = detail(429, "Request was throttled.")
        limit = self.rules.limit
        if limit is None or limit.retry_after_s is None:
            return answer
        until = self.date() + timedelta(seconds=limit.retry_after_s)
        value = format_datetime(until, usegmt=True) if limit.as_date else str(limit.retry_after_s)
        return replace(answer, headers={**answer.headers, "Retry-After": value})

    def _show(self, ask: Ask, entity: Entity, key: str | None) -> Answer:
        asked = (ask.url(), ask.headers["x-api-key"], ask.headers.get(VERSION_HEADER))
        known = self.remembered.get(asked, self.world.version)
        if known is None:
            known = self._make(ask, entity, key)
            self.remembered.keep(asked, known)
        return known

    def _make(self, ask: Ask, entity: Entity, key: str | None) -> Answer:
        try:
            return self._one(ask, entity, key) if key is not None else self._list(ask, entity)
        except BadQueryError as error:
            return json_answer(400, error.content)
        except BadCursorError:
            return detail(404, "Invalid cursor")

    def _one(self, ask: Ask, entity: Entity, key: str) -> Answer:
        row = self.world.find(entity.name, key)
        if row is None:
            return detail(404, NOT_FOUND)
        return json_answer(200, results([row], shaper(entity, ask))[0])

    def _list(self, ask: Ask, entity: Entity) -> Answer:
        rows = self._allowed(ask, entity)
        if rows is None:
            return detail(403, "You do not have permission to perform this action.")
        walk = Walk(rows=rows, is_descending=self.rules.newest_first)
        shape = self.rules.shapes.get(entity.name, Shape.PAGE)
        if shape is not Shape.PAGE:
            records = results(walk.slice(0, len(rows)), shaper(entity, ask))
            return json_answer(200, records if shape is Shape.LIST else next(iter(records), None))
        if ask.headers.get(VERSION_HEADER) == "2":
            return self._cursor_page(ask, entity, walk)
        return self._numbered_page(ask, entity, walk)

    def _allowed(self, ask: Ask, entity: Entity) -> Sequence[Row] | None:
        """The rows that this key may list; None where it may list nothing at all."""
        rows = self._select(ask, entity)
        names = {column.name for column in entity.columns}
        field = next((name for name in ("customer", "merchant_user_id") if name in names), None)
        if self.keys[ask.headers["x-api-key"]].bulk or field is None or ask.param("customer"):
            return rows
        match self.rules.without_bulk:
            case WithoutBulk.FORBIDDEN:
                return None
            case WithoutBulk.EMPTY:
                return []
        first = self.world.rows("customers")[0].record["merchant_user_id"]
        return [row for row in rows if row.record[field] == first]

    def _select(self, ask: Ask, entity: Entity) -> Sequence[Row]:
        """The filtered rows, remembered until the world changes: a client asks page by page."""
        asked = tuple(pair for pair in ask.query if pair[0] not in PAGING)
        version, rows = self._selected.get((entity.name, asked), (-1, ()))
        if version != self.world.version:
            rows = select(self.world, entity, asked)
            if len(self._selected) > 100:
                self._selected.clear()
            self._selected[entity.name, asked] = (self.world.version, rows)
        return rows

    def _cursor_page(self, ask: Ask, entity: Entity, walk: Walk) -> Answer:
        cursor = decode(ask.param("cursor"), self.rules.tie_cutoff)
        page: Page = cut(walk, cursor, page_size(ask.param("page_size")))
        onward, behind = (
            ask.url(cursor=encode(place)) if place else None for place in (page.next, page.previous)
        )
        records = results(page.rows, shaper(entity, ask))
        return json_body(envelope(records, onward=onward, behind=behind))

    def _numbered_page(self, ask: Ask, entity: Entity, walk: Walk) -> Answer:
        """The first version of the API: `page`, and the number of all rows."""
        text, size = ask.param("page") or "1", page_size(ask.param("page_size"))
        number = int(text) if text.isdecimal() else 0
        rows = numbered(walk, number, size) if number else None
        if rows is None:
            return detail(404, "Invalid page.")
        count = len(walk.rows)
        onward = ask.url(page=str(number + 1)) if number * size < count else None
        behind = ask.url(page=str(number - 1)) if number > 1 else None
        records = results(rows, shaper(entity, ask))
        return json_body(envelope(records, onward=onward, behind=behind, count=count))


def is_door(path: str) -> bool:
    """Whether something else than reading may be asked for there."""
    return path.startswith(graphql.PREFIX) or is_desk(path)


def json_body(body: bytes) -> Answer:
    return Answer(status=200, headers={"Content-Type": JSON_TYPE}, body=body)


def find_entity(path: str) -> tuple[Entity | None, str | None]:
    """The entity that a path names, and the key of a single-object GET."""
    if path in PATHS:
        return PATHS[path], None
    parent, _, last = path.rstrip("/").rpartition("/")
    entity = PATHS.get(f"{parent}/")
    if entity and entity.single and path.endswith("/"):
        return entity, unquote(last)
    return None, None
