"""What goes over the wire, and what is remembered of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

import orjson

Pairs = tuple[tuple[str, str], ...]
JSON_TYPE = "application/json"


class Delivery(StrEnum):
    """How an answer reaches the client, if it does."""

    WHOLE = "whole"
    SHORT = "short"
    """The body ends before the length that was announced."""

    RESET = "reset"
    """The connection is torn down without an answer."""

    NEVER = "never"
    """Nothing comes until the client gives up, or for `delay_s` at most."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request: path without query, the query's pairs, header names in lower case."""

    method: str
    path: str
    query: Pairs
    headers: Mapping[str, str]
    host_url: str
    """Scheme, host and port as the client named them: what links are built from."""

    body: bytes = b""

    def param(self, name: str) -> str | None:
        """The last value of a parameter, None when it is not there."""
        return next((value for key, value in reversed(self.query) if key == name), None)

    def url(self, **params: str | None) -> str:
        """This request's URL with parameters replaced; None takes one away. Alphabetical."""
        kept = [pair for pair in self.query if pair[0] not in params]
        added = [(name, value) for name, value in params.items() if value is not None]
        return f"{self.host_url}{self.path}?{urlencode(sorted(kept + added))}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response before it is sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    delivery: Delivery = Delivery.WHOLE
    delay_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request as tests on politeness see it; times are those of a clock that never jumps."""

    entity: str | None
    """None: no path of the table."""

    method: str
    path: str
    path_key: str | None
    """The key of a single-object GET, None for lists."""

    query: Pairs
    headers: Mapping[str, str]
    status: int
    started: float
    ended: float
    retry_after: str | None

    @property
    def is_list(self) -> bool:
        return self.entity is not None and self.path_key is None


def json_answer(status: int, content: object) -> Answer:
    return Answer(
        status=status,
        headers={"Content-Type": JSON_TYPE},
        body=orjson.dumps(content),
    )


def detail(status: int, text: str) -> Answer:
    """The shape of most errors: one object with one text."""
    return json_answer(status, {"detail": text})
