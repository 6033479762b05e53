"""Purchase POST over HTTP: sent under one order id however often, then asked for its result.

The order id is what keeps a purchase from being made twice (docs: 409 for one already received).
So a request whose outcome is unknown is sent again under the same id, never under another, and the
outcome says how often. Nothing of a request's contents is ever logged.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from sources.ordergroove.answers import RETRIED, Again, retry_after, waits
from sources.ordergroove.connection import checked_base, connection_to, stopped, trouble
from sources.ordergroove.errors import EntityError, KeyRefused, NoPage, Transient
from sources.ordergroove.page import document_of
from sources.ordergroove.purchase.outcome import (
    FINAL,
    TAKEN,
    Outcome,
    State,
    errors_in,
    of_result,
    of_sending,
)
from sources.ordergroove.purchase.storefront import authorization
from sources.ordergroove.request import origin

log = logging.getLogger(__name__)

PATH = "/subscription/create"
WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Between two questions for a result; nothing is documented."""

NOT_YET_VISIBLE = 4
"""So many 404 in a row may mean that a request is not visible yet."""

REASON = b'{"cancel_reason": ""}'
CANCEL_BY_HAND = "Cancel it in Ordergroove's Admin, or run the same command again."
STILL_THERE = "The subscription is still live."
UNKNOWN = "Whether anything was created is not known."


@dataclass(kw_only=True)
class Purchases:
    """Purchases at one Ordergroove host with one key, as the settings have checked it.

    Times in seconds. Raises ConfigError for a base URL or key that no request can be made with.
    """

    base_url: str
    key: str = field(repr=False)
    storefront_key: str | None = field(default=None, repr=False)
    """Signs a purchase in place of the key, in the name of its customer."""

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 5.0
    retry_limit_s: float = 60.0
    """Bounds the sending."""

    result_limit_s: float = 600.0
    """Bounds the wait for a result."""

    pace: float = 1.0
    """Of the waits between two questions."""

    stop: threading.Event = field(default_factory=threading.Event)
    """Ends waits early with Stopped."""

    transport: httpx.BaseTransport | None = field(default=None, repr=False)
    """Replaces the network (tests)."""

    def __post_init__(self) -> None:
        self.base = checked_base(self.base_url)
        self.sends = 0
        self.path = PATH
        self._wait = waits(0.5 * self.pace)
        timeout = httpx.Timeout(self.read_timeout_s, connect=self.connect_timeout_s)
        self._http = connection_to(self.base, self.key, timeout, self.transport)

    def close(self) -> None:
        self._http.close()

    def send(self, purchase: Mapping[str, Any]) -> Outcome:
        """Sends one purchase and says what became of the sending; see `result` for the rest.

        Raises KeyRefused, NoPage for what is no answer of this API, and ConfigError for a host that
        cannot be asked.
        """
        order_id = str(purchase["merchant_order_id"])
        self.sends = 0
        retrying = Retrying(
            retry=retry_if_exception_type(Again),
            wait=self._wait,
            stop=self._is_spent,
            sleep=self._sleep,
            before_sleep=say_again,
            reraise=True,
        )
        try:
            status, document = retrying(self._once, purchase)
        except Again as again:
            return Outcome(
                merchant_order_id=order_id,
                state=State.UNRESOLVED,
                status=again.status,
                errors=(again.reason,),
                sends=self.sends,
            )
        return of_sending(order_id, status, document, self.sends)

    def result(self, sent: Outcome, *, lines: int) -> Outcome:
        """Waits for what became of an accepted purchase with so many subscription lines.

        Unresolved when the wait was in vain: the purchase may still be made later.
        """
        if sent.state is not State.ACCEPTED or sent.request_id is None:
            return sent
        until = time.monotonic() + self.result_limit_s * self.pace
        path = f"/subscription/{quote(sent.request_id, safe='')}/response"
        unseen = 0
        last: int | None = None
        for number in range(10_000):
            try:
                last, document = self._asked("GET", path)
            except Again as again:
                last, document = again.status, None
            unseen = unseen + 1 if last == HTTPStatus.NOT_FOUND else 0
            if last in FINAL and isinstance(document, dict):
                return of_result(sent, last, document, lines)
            if unseen > NOT_YET_VISIBLE:
                break
            wait_s = WAITS_S[min(number, len(WAITS_S) - 1)] * self.pace
            if time.monotonic() + wait_s > until:
                break
            self._sleep(wait_s)
        return replace(sent, state=State.UNRESOLVED, status=last, errors=(UNKNOWN,))

    def cancel(self, subscription: str) -> None:
        """Cancels a subscription; the client must be one of the REST host.

        Raises EntityError when that is not taken, KeyRefused, NoPage, and Transient.
        """
        path = f"/subscriptions/{quote(subscription, safe='')}/cancel/"
        retrying = Retrying(
            retry=retry_if_exception_type(Again),
            wait=self._wait,
            stop=self._is_spent,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            status, document = retrying(self._asked, "PATCH", path, REASON)
        except Again as again:
            raise Transient(
                f"Cancelling a subscription: {again.reason}.", CANCEL_BY_HAND, STILL_THERE
            ) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            told = document if isinstance(document, dict) else {}
            errors = "; ".join(errors_in(told, is_refusal=True))
            raise EntityError(
                f"Ordergroove did not cancel the subscription ({status}): {errors}",
                CANCEL_BY_HAND,
                STILL_THERE,
            )

    def _once(self, purchase: Mapping[str, Any]) -> tuple[int, object]:
        self.sends += 1
        signature = None
        if self.storefront_key is not None:
            signature = authorization(
                self.storefront_key,
                merchant=str(purchase["merchant_id"]),
                customer=str(purchase["user"]["user_id"]),
                at=datetime.now(UTC),
            )
        return self._asked("POST", self.path, encoded(purchase), signature)

    def _other_path(self, answer: httpx.Response) -> str | None:
        """The path with the other ending, where the host's answer leads to it.

        Both endings are documented. Nothing is sent to another host.
        """
        if self.path != PATH:
            return None
        is_led = answer.status_code == HTTPStatus.NOT_FOUND
        if answer.has_redirect_location:
            to = answer.url.join(answer.headers["location"])
            is_led = origin(to) == origin(answer.url) and to.path == f"{PATH}/"
        return f"{PATH}/" if is_led else None

    def _asked(
        self, method: str, path: str, body: bytes | None = None, signature: str | None = None
    ) -> tuple[int, object]:
        """One request. Raises Again for whatever another try may mend."""
        if self.stop.is_set():
            raise stopped()
        # documented although the body is a form
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            request = self._http.build_request(method, path, content=body, headers=headers)
            if signature is not None:
                del request.headers["x-api-key"]
                request.headers["authorization"] = signature
            answer = self._http.send(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise trouble(self.base, error) from None
        status = answer.status_code
        if method == "POST" and (other := self._other_path(answer)):
            self.path = other
            return self._asked(method, other, body, signature)
        if status in RETRIED:
            raise Again(f"Ordergroove answered {status}", status, retry_after(answer))
        refuse_strangers(method, path, status)
        try:
            return status, document_of(answer.content)
        except ValueError:
            if status in TAKEN and method == "POST":
                raise Again("Ordergroove's answer was cut off", status) from None
            return status, None

    def _is_spent(self, state: RetryCallState) -> bool:
        return (state.seconds_since_start or 0.0) + state.upcoming_sleep > self.retry_limit_s

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise stopped()


def say_again(state: RetryCallState) -> None:
    """No repeat goes unsaid."""
    again = state.outcome and state.outcome.exception()
    log.warning("purchase: %s, sent again under the same order id", again)


def refuse_strangers(method: str, path: str, status: int) -> None:
    """Raises what an answer calls for that says nothing of the purchase."""
    what = f"Ordergroove answered {status} to {method} {path.split('/')[1]}."
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise KeyRefused(
            what,
            "Check ORDERGROOVE_API_KEY: each environment has its own keys.",
            "Nothing was created.",
        )
    if 300 <= status < 400:
        raise NoPage(
            what,
            "That is a redirect, and a key is never sent after one: check the purchase URL.",
            "Nothing was created.",
        )
    if status == HTTPStatus.NOT_FOUND and method == "POST":
        raise EntityError(
            what, "Check the purchase URL and the environment.", "Nothing was created."
        )


def encoded(purchase: Mapping[str, Any]) -> bytes:
    """The body: one form field whose value is the whole JSON, percent-encoded, a space as %20."""
    text = orjson.dumps(dict(purchase)).decode()
    return f"create_request={quote(text, safe='')}".encode("ascii")
