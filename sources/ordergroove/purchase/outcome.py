"""What the answers to a purchase mean, by their status; texts are told and never decided by.

Source: Ordergroove docs "Purchase POST API", "Purchase POST status", "API response codes". The
partial answer is 206 on one page and 207 on others: both are taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

PARTIAL_STATUSES = frozenset({HTTPStatus.PARTIAL_CONTENT, HTTPStatus.MULTI_STATUS})
TAKEN = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})
FINAL = TAKEN | PARTIAL_STATUSES
"""Statuses of a result that is there; one that is pending has 202."""

MOST_LETTERS = 200


class State(StrEnum):
    """How far a purchase is."""

    SENDING = "sending"
    """Written down before it is sent: what is left of a program that was killed."""

    ACCEPTED = "accepted"
    """Taken, and not yet worked off."""

    CREATED = "created"
    PARTIAL = "partial"
    """Some lines were created, others failed. Sending it again would not mend it."""

    REFUSED = "refused"
    """Nothing was created, and nothing will be until it is corrected."""

    DUPLICATE = "duplicate"
    """The order id was received before: it is not created a second time."""

    UNRESOLVED = "unresolved"
    """Whether something was created is not known."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known of one purchase."""

    merchant_order_id: str
    state: State
    status: int | None = None
    """Of the last answer; None: none came."""

    request_id: str | None = None
    """What the result is asked for with (`subs_req_id`)."""

    customer: str | None = None
    payment: str | None = None
    subscriptions: tuple[tuple[str, str], ...] = ()
    """Product and public id of each subscription that was created."""

    errors: tuple[str, ...] = ()
    """Each as `place: text`."""

    sends: int = 0
    """How often it was sent, always under the same order id."""

    @property
    def is_over(self) -> bool:
        return self.state not in (State.SENDING, State.ACCEPTED)


def of_sending(order_id: str, status: int, document: object, sends: int) -> Outcome:
    """What the answer to the POST means; its status must not be one that passes by itself."""
    found = contents_of(order_id, status, document, sends)
    if status in PARTIAL_STATUSES and (found["subscriptions"] or found["errors"]):
        return Outcome(state=State.PARTIAL, **found)
    if status in TAKEN | PARTIAL_STATUSES:
        if found["request_id"]:
            return Outcome(state=State.ACCEPTED, **found)
        state = State.CREATED if found["subscriptions"] else State.UNRESOLVED
        return Outcome(state=state, **found)
    if status == HTTPStatus.CONFLICT:
        return Outcome(state=State.DUPLICATE, **found)
    return Outcome(state=State.REFUSED, **found)


def of_result(before: Outcome, status: int, document: object, lines: int) -> Outcome:
    """What the result of a purchase with so many subscription lines says."""
    found = contents_of(before.merchant_order_id, status, document, before.sends)
    found["request_id"] = before.request_id
    if found["errors"] or len(found["subscriptions"]) < lines:
        state = State.PARTIAL if found["subscriptions"] else State.REFUSED
        missing = lines - len(found["subscriptions"])
        found["errors"] = found["errors"] or (f"subscriptions: {missing} of {lines} missing",)
        return Outcome(state=state, **found)
    return Outcome(state=State.CREATED, **found)


def contents_of(order_id: str, status: int, document: object, sends: int) -> dict[str, Any]:
    """The fields of an outcome, whatever of them an answer has."""
    told: Mapping[str, Any] = document if isinstance(document, dict) else {}
    return {
        "merchant_order_id": order_id,
        "status": status,
        "request_id": text_or_none(told.get("subs_req_id")),
        "customer": text_or_none(told.get("customer")),
        "payment": text_or_none(told.get("payment")),
        "subscriptions": tuple(pairs_in(told.get("subscriptions"))),
        "errors": tuple(errors_in(told, is_refusal=status >= HTTPStatus.BAD_REQUEST)),
        "sends": sends,
    }


def pairs_in(listed: object) -> list[tuple[str, str]]:
    """`[{"product": "subscription"}]`, or the one object that it may be."""
    entries = listed if isinstance(listed, list) else [listed]
    return [
        (str(product), public_id)
        for entry in entries
        if isinstance(entry, dict)
        for product, shown in entry.items()
        if (public_id := text_or_none(shown))
    ]


def errors_in(told: Mapping[str, Any], *, is_refusal: bool) -> list[str]:
    """All the documented shapes: `error`, `error_message`, `errors`, `detail`, fields by name."""
    named = (told.get(name) for name in ("error", "error_message", "detail"))
    found = [one_line(text) for text in named if text]
    found += flattened("", told.get("errors"))
    if is_refusal and not found:
        found = flattened("", told)
    return found


def flattened(place: str, value: object) -> list[str]:
    """Nested errors as lines, each with the way to it."""
    if not value:
        return []
    if isinstance(value, dict):
        return [
            line
            for name, inner in value.items()
            for line in flattened(f"{place}.{name}" if place else str(name), inner)
        ]
    if isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        return [line for entry in value for line in flattened(place, entry)]
    told = value if not isinstance(value, list) else ", ".join(map(str, value))
    return [f"{place}: {one_line(told)}" if place else one_line(told)]


def text_or_none(value: object) -> str | None:
    """An id; documented as a text, and a number is as good."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if (isinstance(value, str) and value) or is_number else None


def one_line(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]}..."
