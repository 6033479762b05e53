"""The last step of a run: what Ordergroove has deleted is asked for, proven, and marked.

Candidates come from the tables, so nothing is remembered between runs but when the last one began
that settled them all. Whatever is interrupted here is found again by the next run.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from pipelines.ordergroove.deletions.candidates import (
    LiveRows,
    absent_twice,
    first_run_after,
    read_anew,
    read_since,
    swept_until,
    wall_clock_before,
    windows_since,
)
from pipelines.ordergroove.deletions.marking import burials, mark_all, marks
from pipelines.ordergroove.deletions.open_lists import listed
from pipelines.ordergroove.deletions.proof import (
    WAITS_FOR_THE_NEXT,
    Case,
    TooManyGone,
    prove,
    too_many,
)
from pipelines.ordergroove.loading import Chunk
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.report import so_many
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.engine import Step
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError, EntityError, Stopped
from sources.ordergroove.model import Entity
from sources.ordergroove.rows import batch_of
from state.ordergroove.ledger import DONE
from state.ordergroove.tombstones import ABSENT_TWICE, Key, tombstone
from state.ordergroove.watermark import EPOCH

log = logging.getLogger(__name__)

CONTROLS_AT_HAND = 5
"""Rows that may have gone just now and still leave a control."""

Named = Mapping[str, Mapping[Key, datetime | None]]
"""Records by entity that somebody says were deleted, and when."""


class Sweep:
    """The deletions of one run, once its windows have been read and loaded.

    `load` takes a chunk into the warehouse and tells what could not be.
    """

    def __init__(
        self,
        run: Run,
        load: Callable[[Chunk], dict[str, EntityError]],
        warehouse: Warehouse,
        client: Client,
        settings: Settings,
        ask: Ask,
        *,
        named: Named | None = None,
        on_change: Callable[[Run], None] = lambda run: None,
    ) -> None:
        self.state = run
        self.load = load
        self.warehouse = warehouse
        self.client = client
        self.settings = settings
        self.ask = ask
        self.named = named or {}
        self.on_change = on_change
        self.began = client.clock.started_at
        self.cases: dict[str, Case] = {}

    def run(self) -> None:
        """A signal ends the asking; what was proven by then is marked."""
        mark_all(self.warehouse)
        try:
            for progress in wholes_first(self.state.progress.values()):
                if progress.status == DONE and progress.is_complete:
                    self.look_at(progress)
        except TooManyGone as error:
            self.state.capped = error
        except ConfigError as error:
            self.state.unproven.append(error)
        except Stopped:
            log.info("stopped while deletions were looked for; the next run looks again")
        self.settle()

    def look_at(self, progress: Progress) -> None:
        entity = progress.entity
        case = Case(entity=entity, candidates=(), open_rows=0, is_accepted=self.ask.any_deletions)
        self.cases[entity.name] = case
        try:
            if entity.single is None:
                self.believe(case)
                return
            found = self.candidates(progress)
            if not found:
                return
            live = LiveRows(warehouse=self.warehouse, entity=entity)
            case.candidates, case.deleted_at = sorted(found), found
            case.open_rows = live.open_count()
            case.controls = self.controls(live, found) or self.other_controls(entity)
            prove(case, self.client, progress.sweep, lambda: self.on_change(self.state))
        except TooManyGone:
            raise
        except (EntityError, Stopped) as error:
            if case.may_be_too_much:
                case.gone.clear()
            case.left += 1
            if isinstance(error, Stopped):
                raise
            # what it says of watermarks is true of windows only
            error.state = WAITS_FOR_THE_NEXT
            self.state.unproven.append(error)

    def controls(self, live: LiveRows, found: Collection[Key]) -> list[tuple[Entity, Key]]:
        """Rows that must be there, not being among those that may be gone."""
        newest = live.newest(len(found) + CONTROLS_AT_HAND)
        return [(live.entity, key) for key in newest if key not in found]

    def other_controls(self, entity: Entity) -> list[tuple[Entity, Key]]:
        """Rows of other object types that were read in this run, where none of this one is left.

        They name their merchant, so that nobody else's key gets an answer for them.
        """
        found: list[tuple[Entity, Key]] = []
        for name, progress in self.state.progress.items():
            other = progress.entity
            can_vouch = other.single and other.has_merchant and progress.is_complete
            if other is not entity and can_vouch:
                case = self.cases.get(name)
                live = LiveRows(warehouse=self.warehouse, entity=other)
                found += self.controls(live, case.gone_keys if case else ())[:1]
        return found

    def believe(self, case: Case) -> None:
        """Takes the absence from two complete reads as proof: there is no single object to ask."""
        missing = absent_twice(self.warehouse, case.entity)
        case.gone = [
            tombstone(case.entity, key, noticed_at=self.began, evidence=ABSENT_TWICE)
            for key in sorted(missing)
        ]
        case.open_rows = LiveRows(warehouse=self.warehouse, entity=case.entity).open_count()
        if case.is_too_much(len(case.gone)):
            raise too_many(case)

    def candidates(self, progress: Progress) -> dict[Key, datetime | None]:
        """What may be gone of the entity, with the time where somebody told it."""
        entity, window = progress.entity, progress.window
        live = LiveRows(warehouse=self.warehouse, entity=entity)
        found: dict[Key, datetime | None] = dict(self.named.get(entity.name, {}))
        missing: set[Key] = set()
        if window is not None and window.since is None:
            missing |= live.not_shown_since(self.began)
        elif entity.vanishing and entity.vanishing.status and self.ask.sweep:
            missing |= self.not_listed(progress, live)
        if entity.whole:
            missing |= self.lost_parts(live)
        for part in self.state.progress.values():
            if part.entity.whole == entity.name and part.status == DONE and part.is_complete:
                parts = LiveRows(warehouse=self.warehouse, entity=part.entity)
                missing |= {*parts.unknown_wholes(self.lately(part.entity, entity))}
        return dict.fromkeys(missing) | found

    def not_listed(self, progress: Progress, live: LiveRows) -> set[Key]:
        """Open rows that their status' list lacks, and listed ones that no row has."""
        entity = progress.entity
        if entity.vanishing is None:
            return set()
        known = live.by_status(entity.vanishing, self.began)
        statuses = {*known.unseen.values()}
        merchants = progress.before.merchants
        shown = listed(entity, statuses, self.client, progress.sweep, merchants)
        gone = known.unseen.keys() - shown.keys()
        unknown = shown.keys() - known.keys
        if not unknown:
            # what has been read is worked out from all windows there ever were
            return gone
        start = self.read_from(entity)
        return gone | {key for key in unknown if is_since(start, shown[key])}

    def lost_parts(self, live: LiveRows) -> set[Key]:
        """Parts that went by themselves, or with what they were part of."""
        entity = live.entity
        swept = swept_until(self.warehouse, entity) or EPOCH
        found = {*live.of_changed_wholes(swept)}
        since = first_run_after(self.warehouse, ENTITIES[str(entity.whole)], swept)
        for window in windows_since(self.warehouse, entity, swept, self.settings.timezone):
            found |= {*live.left_out_by(window, since)}
        found |= {*live.of_gone_wholes()}
        whole = self.cases.get(str(entity.whole))
        if whole:
            found |= {*live.in_wholes(whole.gone_keys)}
        return found

    def lately(self, part: Entity, whole: Entity) -> datetime:
        """The wall-clock time before which a whole would long have been read, if it were there.

        Parts may have been read long before the wholes could be, or beside a backfill.
        """
        start, swept = self.read_from(whole), swept_until(self.warehouse, part)
        if swept is None:
            return start
        read = read_anew(self.warehouse, whole, swept) or swept
        recent = min(read, swept - self.settings.overlap)
        return max(start, wall_clock_before(recent, self.settings.timezone))

    def read_from(self, entity: Entity) -> datetime:
        """The wall-clock time from which on the entity has been read; changes before it are not."""
        since = read_since(self.warehouse, entity) or self.began
        return wall_clock_before(since, self.settings.timezone)

    def settle(self) -> None:
        """Loads what lives after all; then tombstones, marks and ledger in one transaction."""
        chunk = self.living()
        failed = {} if chunk.is_empty else self.load(chunk)
        for name, error in failed.items():
            self.cases[name].left += 1
            self.state.unproven.append(error)
        steps: list[Step] = []
        for name, case in self.cases.items():
            if self.state.capped:
                case.gone.clear()
            self.state.progress[name].deleted = len(case.gone)
            steps += [*burials(self.warehouse, case.gone)]
            steps += marks(self.warehouse, case.entity, case.gone) if case.gone else []
            steps += self.costs(case)
        if steps:
            self.warehouse.execute_all(*steps)
        self.tell()

    def living(self) -> Chunk:
        """Candidates that answered, as a package of rows like any other."""
        chunk = Chunk()
        for name, case in self.cases.items():
            if case.alive:
                batch = batch_of(case.entity, case.alive, self.settings.timezone)
                chunk.add(Delivery(entity=case.entity, batch=batch))
                self.state.progress[name].rows += batch.table.num_rows
        return chunk

    def costs(self, case: Case) -> list[Step]:
        """What the ledger has to add about this run, if anything."""
        progress = self.state.progress[case.entity.name]
        swept_at = self.client.clock.now() if self.is_swept(case) else None
        found = (progress.deleted, progress.sweep.requests, swept_at, progress.rows)
        if not any(found[:3]):
            return []
        sql = (
            f"update {self.warehouse.table('sync_runs')} set deleted = ?, sweep_requests = ?,"
            ' swept_at = ?, "rows" = ? where run_id = ? and entity = ?'
        )
        return [(sql, [*found, self.state.run_id, case.entity.name])]

    def tell(self) -> None:
        for name, case in self.cases.items():
            if case.gone:
                asked = so_many(self.state.progress[name].sweep.requests, "request")
                log.info("%s: %d deleted, proven by %s", name, len(case.gone), asked)

    def is_swept(self, case: Case) -> bool:
        """Whether every candidate among the parts is settled, with those that they belong to."""
        whole = self.cases.get(str(case.entity.whole))
        if whole is None or self.state.capped:
            return False
        return not case.left and not whole.left


def is_since(start: datetime, stamp: object) -> bool:
    """Whether a record's stamp is not before `start`; also where nobody can tell."""
    try:
        return datetime.fromisoformat(str(stamp)).replace(tzinfo=None) >= start
    except ValueError:
        return True


def wholes_first(progress: Iterable[Progress]) -> list[Progress]:
    """What parts belong to comes before them: its deletion makes candidates of them."""
    return sorted(progress, key=lambda made: made.entity.whole is not None)
