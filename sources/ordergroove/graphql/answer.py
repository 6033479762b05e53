"""What an answer of the GraphQL door means: data, or the error that fits.

Source: Ordergroove docs "GraphQL: Response format", "Deprecation and sunset", "API response
codes". The wording of errors is shown to whoever asked, and nothing is ever decided by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pendulum
from pendulum import DateTime

from sources.ordergroove.answers import RETRIED, Again, retry_after
from sources.ordergroove.clock import http_date
from sources.ordergroove.errors import BadRequest, ConfigError, EntityError, KeyRefused, NoPage
from sources.ordergroove.graphql.limits import LATEST, NEWEST, Cost
from sources.ordergroove.page import document_of

if TYPE_CHECKING:
    import httpx

UNCHANGED = "Nothing was written."
SETTING = "ORDERGROOVE_GRAPHQL_VERSION"
MOST_SHOWN = 3
MOST_LETTERS = 200


class VersionGone(ConfigError):
    """410: this version of the API is past its sunset."""


class QueryFailed(EntityError):
    """The answer holds errors, with data or without: neither is to be relied on."""

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what, do, UNCHANGED)


@dataclass(frozen=True, kw_only=True)
class Found:
    """One query's answer, whole."""

    data: Mapping[str, Any]
    cost: Cost
    sunset: DateTime | None
    """When this version ends, if that was announced; UTC."""

    fetched_at: datetime
    """UTC, taken before the request was sent."""

    @property
    def root(self) -> Any:
        """What the one root field holds."""
        return next(iter(self.data.values()), None)


def data_of(answer: "httpx.Response", version: str) -> Mapping[str, Any]:
    """The data of a whole and faultless answer. Raises Again or what else its status calls for."""
    status = answer.status_code
    if status in RETRIED or status == HTTPStatus.NO_CONTENT:
        raise Again(f"Ordergroove answered {status}", status, retry_after(answer))
    try:
        document = document_of(answer.content)
    except ValueError:
        if status != HTTPStatus.OK:
            document = None
        else:
            raise Again("Ordergroove's answer was cut off", status) from None
    if status != HTTPStatus.OK:
        raise refusal(status, document, version)
    if isinstance(document, dict):
        if errors := messages_in(document):
            raise QueryFailed(
                f"Ordergroove answered the query with {counted(errors)}: {shown(errors)}",
                "Correct the query if it is yours; a part that was answered is not shown, as it"
                " may be incomplete.",
            )
        if isinstance(document.get("data"), dict):
            return dict(document["data"])
    raise NoPage(
        "Ordergroove's answer to a GraphQL query holds neither data nor errors.",
        "Check the base URL and any proxy between; if both are right, please report it.",
        UNCHANGED,
    )


def refusal(status: int, document: object, version: str) -> Exception:
    """The error for an answer without data."""
    what = f"Ordergroove answered {status} to POST /graphql/{version}/."
    match status:
        case HTTPStatus.BAD_REQUEST:
            said = shown(messages_in(document)) or "no reason was given"
            return BadRequest(
                f"Ordergroove does not take the query (400): {said}",
                "Correct the query if it is yours, else please report it.",
                UNCHANGED,
            )
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return KeyRefused(
                what,
                "Check ORDERGROOVE_API_KEY. Asking without naming a customer also needs the user"
                ' of the key to be in the group "API Access".',
                UNCHANGED,
            )
        case HTTPStatus.GONE:
            return VersionGone(
                f"Ordergroove's GraphQL version {version} has ended (410).",
                f"Set {SETTING}={newer_than(version)}, or a newer dated version that"
                " Ordergroove's GraphQL page lists.",
                UNCHANGED,
            )
        case HTTPStatus.NOT_FOUND:
            return ConfigError(
                what,
                f"Check the base URL, and {SETTING}: {LATEST} is the one that is documented.",
                UNCHANGED,
            )
    return NoPage(
        what,
        "That is no answer of a GraphQL API: check the base URL and any proxy.",
        UNCHANGED,
    )


def newer_than(version: str) -> str:
    """The version to set once this one has ended."""
    return LATEST if version < LATEST else NEWEST


def messages_in(document: object) -> list[str]:
    """The errors of an answer as lines; a REST-like `detail` counts as one."""
    if not isinstance(document, dict):
        return []
    listed = document.get("errors")
    if listed:
        entries = listed if isinstance(listed, list) else [listed]
        return [message_in(entry) for entry in entries]
    detail = document.get("detail")
    return [one_line(detail)] if detail else []


def message_in(entry: object) -> str:
    told = entry.get("message") if isinstance(entry, dict) else entry
    return one_line(told) or "an error without a message"


def one_line(text: object) -> str:
    line = " ".join(str(text or "").split())
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]}..."


def shown(errors: list[str]) -> str:
    more = len(errors) - MOST_SHOWN
    return "; ".join(errors[:MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def counted(errors: list[str]) -> str:
    return "an error" if len(errors) == 1 else f"{len(errors)} errors"


def sunset_of(answer: "httpx.Response") -> DateTime | None:
    """When the version ends. Source: RFC 8594, an HTTP date; a bare date is taken as well."""
    text = answer.headers.get("sunset", "").strip()
    if found := http_date(text):
        return found
    try:
        day = pendulum.parse(text) if text else None
    except ValueError:
        return None
    return day.in_timezone("UTC") if isinstance(day, DateTime) else None


def sunset_warning(version: str, sunset: DateTime | None, now: datetime) -> str:
    """What to tell about a version whose end is announced; empty where none is."""
    if sunset is None:
        return ""
    left = (sunset - pendulum.instance(now)).total_seconds() / 86_400
    days = max(0, int(left))
    when = f"{sunset:%Y-%m-%d}"
    if left <= 0:
        told = f"Ordergroove's GraphQL version {version} was to end on {when}"
    else:
        unit = "day" if days == 1 else "days"
        told = f"Ordergroove's GraphQL version {version} ends on {when}, in {days} {unit}"
    return f"{told}: set {SETTING} to a newer one before it answers no more."
