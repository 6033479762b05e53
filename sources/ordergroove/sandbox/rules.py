"""What is left open by the documentation, and what differs between merchants, as settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from sources.ordergroove.model import Answer as Shape

DEMO_KEY = "sandbox-key"


class WithoutBulk(StrEnum):
    """What a list shows to a key without the Bulk permission; the documentation does not tell."""

    FORBIDDEN = "403"
    EMPTY = "empty"
    ONE_CUSTOMER = "one customer"


@dataclass(frozen=True, kw_only=True)
class Key:
    """What an API key may do."""

    bulk: bool = True
    """Lists may show more than one customer."""


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """At most `requests` in any `per_s` seconds; documented are 6000 in 60."""

    requests: int = 6_000
    per_s: float = 60.0
    retry_after_s: int | None = None
    """Seconds announced in `Retry-After`; None sends no such header."""

    as_date: bool = False
    """Announce a date instead of seconds."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How the sandbox decides what nobody has documented."""

    refusal_status: int = 401
    """For a missing or unknown key: 401 on one page, 403 on others."""

    without_bulk: WithoutBulk = WithoutBulk.FORBIDDEN
    limit: RateLimit | None = None
    newest_first: bool = False
    tie_cutoff: int | None = 1_000
    """Rows of one second that a cursor can count; beyond them `next` repeats, as with the
    framework that the documented cursor points to. None counts without end."""

    skew_s: int = 0
    """How far the server's `Date` is ahead of the world's clock."""

    is_ticking: bool = False
    """Whether `Date` goes on with the machine's clock while the world stands still."""

    sunsets: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """Versions of the GraphQL door whose end is announced; past it they answer 410."""

    pending_results: int = 1
    """How many questions for the result of a purchase are answered with `pending` first."""

    partial_status: int = 0
    """206 or 207 for a purchase that fails in part: the docs name both. 0: by its result."""

    shapes: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    """Entities that answer with a bare list or a single object instead of a page."""
