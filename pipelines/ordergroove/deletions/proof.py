"""Whether a record is gone is asked of the record itself: a 404, while others answer 200.

Without the others a wrong key, a proxy or a bad hour of the server would look like a deletion.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.ordergroove.deletions.candidates import batched
from sources.ordergroove.client import Client, Tally
from sources.ordergroove.errors import EntityError, Refused, Stopped, Transient
from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page
from state.ordergroove.tombstones import NOT_FOUND, Key, key_of, tombstone

ASKED_BETWEEN_CONTROLS = 25
CONTROLS = 3
"""Records that are tried as a control before the answers count as worthless."""

FEW = 20
"""So many deletions are believed whatever their share."""

LARGEST_SHARE = 0.25
WAITS_FOR_THE_NEXT = "What is not proven is not marked; the next run asks again."


class TooManyGone(EntityError):
    """More is gone than a day of a merchant explains: nothing is marked."""

    exit_code = 5


class Unproven(EntityError):
    """The answers cannot be believed, or none came: the next run asks again."""


@dataclass(kw_only=True)
class Case:
    """What may be gone of one entity, and what became of the question."""

    entity: Entity
    candidates: Sequence[Key]
    open_rows: int
    """How many rows could be gone at all."""

    controls: Sequence[tuple[Entity, Key]] = ()
    """Rows that must be there, the best first; of other entities where none of this one is left."""

    deleted_at: Mapping[Key, datetime | None] = field(default_factory=dict)
    """When a record was deleted, where somebody has said so."""

    is_accepted: bool = False
    """Whether any number of deletions is believed."""

    gone: list[dict[str, Any]] = field(default_factory=list)
    """Tombstones."""

    alive: list[Page] = field(default_factory=list)
    left: int = 0
    """Candidates whose answer was neither."""

    @property
    def gone_keys(self) -> list[Key]:
        return [key_of(self.entity, row["record_key"]) for row in self.gone]

    def is_too_much(self, number: int) -> bool:
        return not self.is_accepted and number > max(FEW, LARGEST_SHARE * self.open_rows)

    @property
    def may_be_too_much(self) -> bool:
        return self.is_too_much(len(self.candidates))


def prove(case: Case, client: Client, tally: Tally, on_part: Callable[[], None]) -> None:
    """Asks for each candidate by itself and sorts them into `gone`, `alive` and `left`.

    What is in the case when an error ends it has been proven, unless more than was asked could
    turn out to be too much. Raises TooManyGone, Unproven, Transient, Refused and Stopped.
    """
    if not case.candidates:
        return
    controls = Controls(case, client, tally)
    controls.check()
    for part in batched(case.candidates, ASKED_BETWEEN_CONTROLS):
        gone: list[dict[str, Any]] = []
        for key in part:
            ask(case, key, client, tally, gone)
        if gone:
            controls.check()
        case.gone += gone
        on_part()
        if case.is_too_much(len(case.gone)):
            raise too_many(case)
        if case.may_be_too_much and len(case.alive) > FEW:
            raise unbelievable(case)


def ask(case: Case, key: Key, client: Client, tally: Tally, gone: list[dict[str, Any]]) -> None:
    asked_at = client.clock.now()
    try:
        page = client.single(case.entity, str(key[0]), tally)
    except (Transient, Refused, Stopped):
        raise
    except EntityError:
        # neither there nor gone: 410, 400, no object
        case.left += 1
        return
    if page is None:
        deleted_at = case.deleted_at.get(key)
        gone.append(
            tombstone(
                case.entity, key, noticed_at=asked_at, evidence=NOT_FOUND, deleted_at=deleted_at
            )
        )
    elif shows(page, case.entity, key):
        case.alive.append(page)
    else:
        case.left += 1


def shows(page: Page, entity: Entity, key: Key) -> bool:
    """Whether the page is the record that was asked for."""
    return str(page.records[0].get(entity.key[0])) == str(key[0])


class Controls:
    """Records that are there: as long as they answer, a 404 means what it says."""

    def __init__(self, case: Case, client: Client, tally: Tally) -> None:
        self.case, self.client, self.tally = case, client, tally
        self.known: Iterator[tuple[Entity, Key]] = iter(case.controls)
        self.current: tuple[Entity, Key] | None = next(self.known, None)

    def check(self) -> None:
        """Raises Unproven when no control answers."""
        for _ in range(CONTROLS):
            if self.current is None:
                break
            entity, key = self.current
            page = self.client.single(entity, str(key[0]), self.tally)
            if page is not None and shows(page, entity, key):
                return
            # it may have gone just now
            self.current = next(self.known, None)
        raise without_control(self.case.entity)


def too_many(case: Case) -> TooManyGone:
    name = case.entity.name
    return TooManyGone(
        f"{len(case.gone):,} of {case.open_rows:,} open {name} are gone from Ordergroove: more"
        " than a quarter. A wrong key looks like that.",
        "If they were really deleted, run `ordergroove sync --accept-deletions` once.",
        "No row was marked as deleted; everything else is loaded, and the next run asks again.",
    )


def unbelievable(case: Case) -> Unproven:
    return Unproven(
        f"A list of {case.entity.name} lacked {len(case.candidates):,} that are there when asked"
        " for one by one: it was not complete.",
        "The next run looks again; if that keeps happening, please report it to Ordergroove.",
        WAITS_FOR_THE_NEXT,
    )


def without_control(entity: Entity) -> Unproven:
    return Unproven(
        f"Ordergroove did not find {entity.name} that it has shown before, so nothing that it does"
        " not find counts as deleted.",
        "The next run asks again; if that keeps happening, check key and base URL.",
        WAITS_FOR_THE_NEXT,
    )
