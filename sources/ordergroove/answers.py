"""What an HTTP answer calls for, by its status alone: read it, ask again later, or give up.

Source: Ordergroove docs "API response codes", "API Rate Limits", "General FAQ" (decide by the
status, never by the text).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import pendulum
from tenacity import RetryCallState, wait_random_exponential

from sources.ordergroove.clock import http_date
from sources.ordergroove.errors import BadRequest, Gone, NoPage, NotFound, Refused
from sources.ordergroove.model import Entity

if TYPE_CHECKING:
    import httpx

RETRIED = frozenset({423, 429, *range(500, 600)})
"""Status codes that are worth another try (423, 429 and 5xx are documented as passing)."""

TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS
LONGEST_BACK_OFF_S = 30.0


class Again(Exception):
    """A failure worth another try. `asked_s` is the wait the server asked for, if any."""

    def __init__(self, reason: str, status: int | None = None, asked_s: float | None = None):
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.asked_s = asked_s


def waits(back_off_s: float) -> Callable[[RetryCallState], float]:
    """How long to wait until the next try: what the server asked for, else longer each time.

    `back_off_s` is the longest first wait; jitter makes it anything below. In seconds.
    """
    usual = wait_random_exponential(multiplier=back_off_s, max=LONGEST_BACK_OFF_S)
    # a rate limit needs longer to pass than a busy record
    limited = wait_random_exponential(multiplier=4 * back_off_s, max=2 * LONGEST_BACK_OFF_S)

    def wait_for(state: RetryCallState) -> float:
        again = state.outcome and state.outcome.exception()
        if not isinstance(again, Again):
            return usual(state)
        if again.asked_s is not None:
            # the wait is counted from here, the server counts from its answer: never be early
            return again.asked_s + 0.05
        return limited(state) if again.status == TOO_MANY else usual(state)

    return wait_for


def refuse(entity: Entity, answer: "httpx.Response") -> None:
    """Raises what the answer's status calls for; returns when it is a 200."""
    status = answer.status_code
    if status == HTTPStatus.OK:
        return
    if status in RETRIED:
        raise Again(f"Ordergroove answered {status}", status, retry_after(answer))
    if status == HTTPStatus.NO_CONTENT:
        raise Again("Ordergroove answered 204, which has no content", status)
    what = f"Ordergroove answered {status} to GET {shown_path(entity, answer)}."
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Refused(what, REMEDIES[status], status)
    if status == HTTPStatus.NOT_FOUND:
        raise NotFound(what, REMEDIES[status])
    if status == HTTPStatus.GONE:
        raise Gone(what, REMEDIES[status])
    if status == HTTPStatus.BAD_REQUEST:
        raise BadRequest(
            f"Ordergroove does not take the question GET {shown_path(entity, answer)}"
            f"?{shown_query(answer)} (400).",
            REMEDIES[status],
        )
    if 300 <= status < 400:
        raise NoPage(
            what,
            "That is a redirect, and a key is never sent after one: check the base URL, and any"
            " proxy between.",
        )
    raise NoPage(what, "That is no answer to a list request: check the base URL and any proxy.")


REMEDIES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "Please report it: this program asks only as Ordergroove documents it.",
    HTTPStatus.UNAUTHORIZED: "The API key is missing or not valid: check ORDERGROOVE_API_KEY.",
    HTTPStatus.FORBIDDEN: "The API key probably lacks the Bulk Operations permission: have it added"
    " in Ordergroove, then run the command again.",
    HTTPStatus.NOT_FOUND: "Check the base URL and the environment (production or staging).",
    HTTPStatus.GONE: "This address is no longer served: check the base URL.",
}


def shown_path(entity: Entity, answer: "httpx.Response") -> str:
    """The path as messages may show it: a single object's key can be a person's."""
    if answer.request.url.path.endswith(entity.path):
        return entity.path
    return entity.single or entity.path


def shown_query(answer: "httpx.Response") -> str:
    """The query without the cursor."""
    params = answer.request.url.params.multi_items()
    return "&".join(f"{name}={value}" for name, value in params if name != "cursor")


def retry_after(answer: "httpx.Response") -> float | None:
    """Seconds that `Retry-After` asks for, in either form; None without a usable header.

    A date is held against the answer's own `Date`, so a skewed clock does not matter.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    now = http_date(answer.headers.get("date")) or pendulum.now("UTC")
    return max(0.0, (until - now).total_seconds())


def lead_of(answer: "httpx.Response", now: datetime) -> float | None:
    """The server's clock minus ours in seconds, from the `Date` header; None without one."""
    date = http_date(answer.headers.get("date"))
    return None if date is None else (date - pendulum.instance(now)).total_seconds()
