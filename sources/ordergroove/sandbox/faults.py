"""What can go wrong between a client and a server, as data.

A `Fault` strikes chosen requests, `Faults` strike at random but always the same ones for a seed.
Both count the requests to one entity, lists and single objects apart, retries included.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

from sources.ordergroove.model import Entity
from sources.ordergroove.sandbox import spoiling
from sources.ordergroove.sandbox.exchange import JSON_TYPE, Answer, Ask, Delivery, detail
from sources.ordergroove.sandbox.spoiling import DRIFTS, Wound

TRANSIENT = (
    "423", "429", "500", "502 html", "503", "reset", "timeout", "truncated", "short body",
)  # fmt: skip
HTML = b"<html><head><title>Bad Gateway</title></head><body><h1>502</h1></body></html>"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of trouble, and the requests it strikes; without a choice it strikes them all.

    Raises ValueError for an unknown kind.
    """

    kind: str
    """A status (`503`, `502 html`), or one of `KINDS`, `spoiling.PAGES` and `spoiling.DRIFTS`."""

    entity: str | None = None
    """None: any entity, or the one that a drift is at home in."""

    where: str = "list"
    """`list`, `single` or `any`."""

    nth: int | None = None
    """Only this request, counted from 1."""

    every: int | None = None
    """Each request whose number it divides."""

    from_page: int | None = None
    """This request and all after it."""

    times: int | None = None
    """No more than so often."""

    retry_after: int | str | None = None
    """Seconds for `Retry-After`, or a text to send as it is."""

    retry_after_as_date: bool = False
    seconds: float = 30.0
    """How long a slow answer takes, or a missing one keeps the connection."""

    field: str | None = None
    value: Any = None
    row: int | None = 0
    """Which record of a page is spoilt; None: all of them."""

    url: str = "https://elsewhere.example"
    """Where `next elsewhere` and redirects lead."""

    def __post_init__(self) -> None:
        if self.where not in ("list", "single", "any"):
            raise ValueError(f"unknown where {self.where!r}; known: list, single, any")
        known = {*KINDS, *spoiling.PAGES, *DRIFTS, "ignore filter"}
        if self.kind not in known and not self.kind[:3].isdigit():
            raise ValueError(f"unknown fault {self.kind!r}; known: a status, {sorted(known)}")

    @property
    def home(self) -> str | None:
        """The only entity that it can strike, if there is one."""
        return self.entity or (DRIFTS[self.kind].entity if self.kind in DRIFTS else None)

    def strikes(self, entity: str, number: int, *, is_list: bool) -> bool:
        """Whether it meets the request of that number, not counting how often it may."""
        place = "list" if is_list else "single"
        return (
            self.home in (None, entity)
            and self.where in (place, "any")
            and (self.nth is None or number == self.nth)
            and (self.every is None or number % self.every == 0)
            and (self.from_page is None or number >= self.from_page)
        )


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Random trouble: the `rate` of requests that fail, and of which kinds.

    The same seed strikes the same requests, in whatever order entities are asked. Never more than
    `most_in_a_row` requests to an entity fail one after the other, so that patience pays.
    """

    rate: float
    kinds: Sequence[str] = TRANSIENT
    seed: int = 1
    most_in_a_row: int = 2
    seconds: float = 30.0

    def draw(self, entity: str, number: int) -> Fault | None:
        """What the request of that number meets, if it meets anything."""
        # trouble that can be had again needs a generator that repeats itself, not a secure one
        rng = Random(f"{self.seed} {entity} {number}")  # noqa: S311
        if rng.random() >= self.rate:
            return None
        return Fault(kind=rng.choice(self.kinds), where="any", seconds=self.seconds)


class Trouble:
    """All faults of a sandbox, and how often each has struck."""

    def __init__(self, faults: Sequence[Fault | Faults]) -> None:
        self.faults = tuple(faults)
        self.struck: Counter[int] = Counter()
        self.in_a_row: Counter[tuple[int, str]] = Counter()
        self.last_records: dict[str, Any] = {}

    def choose(self, entity: str, number: int, *, is_list: bool) -> list[Fault]:
        chosen = []
        for place, fault in enumerate(self.faults):
            if isinstance(fault, Faults):
                # lists and single objects are numbered apart, so are their draws
                drawn = self._draw(place, fault, entity if is_list else f"{entity}/", number)
                chosen += [drawn] if drawn else []
            elif fault.strikes(entity, number, is_list=is_list) and (
                fault.times is None or self.struck[place] < fault.times
            ):
                self.struck[place] += 1
                chosen.append(fault)
        return chosen

    def _draw(self, place: int, faults: Faults, name: str, number: int) -> Fault | None:
        fault = faults.draw(name, number)
        if fault is None or self.in_a_row[place, name] >= faults.most_in_a_row:
            self.in_a_row[place, name] = 0
            return None
        self.in_a_row[place, name] += 1
        return fault

    def bend(self, ask: Ask, entity: Entity, faults: Sequence[Fault]) -> Ask:
        """The request as a server reads it that ignores filters of time."""
        if entity.changes is None or all(fault.kind != "ignore filter" for fault in faults):
            return ask
        ignored = (entity.changes.start, entity.changes.end)
        return replace(ask, query=tuple(pair for pair in ask.query if pair[0] not in ignored))

    def spoil(
        self, ask: Ask, entity: Entity, answer: Answer, faults: Sequence[Fault], now: datetime
    ) -> Answer:
        """The answer with every chosen fault in it. `now` is the server's, UTC."""
        whole = answer
        for fault in faults:
            answer = self._spoil_once(ask, entity, answer, fault, now)
        if self.faults:
            self._remember(entity, whole)
        return answer

    def spoil_door(
        self, ask: Ask, answer: Answer, faults: Sequence[Fault], now: datetime
    ) -> Answer:
        """The same for a door beside the lists: statuses and faults of whole answers only."""
        for fault in faults:
            if fault.kind[:3].isdigit():
                answer = status_answer(fault, now)
            elif fault.kind in KINDS:
                answer = KINDS[fault.kind](fault, ask, answer)
        return answer

    def _spoil_once(
        self, ask: Ask, entity: Entity, answer: Answer, fault: Fault, now: datetime
    ) -> Answer:
        if fault.kind[:3].isdigit():
            return status_answer(fault, now)
        if fault.kind in KINDS:
            return KINDS[fault.kind](fault, ask, answer)
        if answer.status != 200 or fault.kind == "ignore filter":
            return answer
        wound = Wound(
            entity=entity,
            field=fault.field,
            value=fault.value,
            row=fault.row,
            url=fault.url,
            own_url=ask.url(),
            last_record=self.last_records.get(entity.name),
        )
        return replace(answer, body=spoiling.spoil(fault.kind, answer.body, wound))

    def _remember(self, entity: Entity, answer: Answer) -> None:
        """Keeps the last record of a page: a duplicate on the next page needs it."""
        if answer.status == 200 and (record := spoiling.last_record(answer.body)) is not None:
            self.last_records[entity.name] = record


def status_answer(fault: Fault, now: datetime) -> Answer:
    """Any status: JSON with a detail, HTML if the kind says so, nothing at all for 204."""
    status = int(fault.kind[:3])
    answer = detail(status, "The sandbox was told to fail.")
    if fault.kind.endswith("html"):
        answer = Answer(status=status, headers={"Content-Type": "text/html"}, body=HTML)
    elif status == 204:
        answer = Answer(status=status, headers={}, body=b"")
    elif 300 <= status < 400:
        answer = Answer(status=status, headers={"Location": fault.url}, body=b"")
    if fault.retry_after is None:
        return answer
    text = str(fault.retry_after)
    if fault.retry_after_as_date:
        text = format_datetime(now + timedelta(seconds=int(text)), usegmt=True)
    return replace(answer, headers={**answer.headers, "Retry-After": text})


def _truncated(_: Fault, __: Ask, answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) * 2 // 3])


def _short_body(_: Fault, __: Ask, answer: Answer) -> Answer:
    return replace(answer, delivery=Delivery.SHORT)


def _reset(_: Fault, __: Ask, answer: Answer) -> Answer:
    return replace(answer, delivery=Delivery.RESET)


def _timeout(fault: Fault, _: Ask, answer: Answer) -> Answer:
    return replace(answer, delivery=Delivery.NEVER, delay_s=fault.seconds)


def _slow(fault: Fault, _: Ask, answer: Answer) -> Answer:
    return replace(answer, delay_s=fault.seconds)


def _told(fault: Fault, _: Ask, __: Answer) -> Answer:
    return detail(200, str(fault.value or "Something went wrong."))


def _no_json(_: Fault, __: Ask, answer: Answer) -> Answer:
    return replace(answer, body=HTML, headers={"Content-Type": "text/html"})


def _empty(_: Fault, __: Ask, answer: Answer) -> Answer:
    return Answer(status=answer.status, headers={"Content-Type": JSON_TYPE}, body=b"")


def _expired(fault: Fault, ask: Ask, answer: Answer) -> Answer:
    """Cursors die: 404 unless another status is given as the value."""
    if ask.param("cursor") is None:
        return answer
    return detail(int(fault.value or 404), "Invalid cursor")


KINDS: Mapping[str, Callable[[Fault, Ask, Answer], Answer]] = {
    "truncated": _truncated,
    "short body": _short_body,
    "reset": _reset,
    "timeout": _timeout,
    "slow": _slow,
    "detail": _told,
    "not json": _no_json,
    "empty body": _empty,
    "expired cursor": _expired,
}
"""Faults of whole answers."""
