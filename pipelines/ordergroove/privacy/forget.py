"""`forget`: a person's data leaves the tables, the versions, the events and the inbox.

The money stays, under a name that nobody can be found by. All changes of the warehouse are one
transaction; after a crash the same command finishes what is left.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum

from pipelines.ordergroove.deletions.candidates import KEYS_A_QUERY, batched
from pipelines.ordergroove.privacy.beside import Beside, tables_beside, words_in
from pipelines.ordergroove.privacy.forgotten import (
    FORGOTTEN,
    ID,
    Forgotten,
    blank,
    erased_columns,
    forgotten_in,
    kept,
    named_in_text,
    owner_of,
    people_in,
)
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import DEFINITIONS, InWarehouse
from pipelines.ordergroove.targets.engine import Step
from pipelines.ordergroove.targets.lake import Lake
from pipelines.ordergroove.versions.history import history_of
from pipelines.ordergroove.warehouse import Warehouse, file_of, opened, published
from pipelines.ordergroove.webhooks.draining import BODIES_AT_ONCE, EVENTS, readable
from pipelines.ordergroove.webhooks.values import exists
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.model import Entity

EVENT = ("event_id", "event_type", "object_type", "object_key", "happened_at", "actor",
         "payload", "snapshot")  # fmt: skip
UNTOUCHED = "Nothing was written."


@dataclass(kw_only=True)
class Erased:
    """How many rows, events and letters were erased, by the table they stand in."""

    counts: dict[str, int] = field(default_factory=dict)
    letters: int = 0
    was_known: bool = False
    """The customer had been forgotten before."""

    @property
    def is_nothing(self) -> bool:
        return not (self.letters or any(self.counts.values()))


def forget(settings: Settings, customer: str, *, lock_timeout_s: float = 0.0) -> Erased:
    """Erases what is personal of the customer with that id of the shop's.

    Raises Held, and ConfigError when nothing names such a customer.
    """
    with opened(settings, lock_timeout_s=lock_timeout_s) as warehouse:
        refuse_unfit(settings, warehouse)
        erasure = Erasure(warehouse, customer)
        erased = Erased(was_known=erasure.is_known)
        steps = [*erasure.steps(erased)]
        letters = erasure.letters(settings)
        erased.letters = len(letters)
        if erased.is_nothing and not erased.was_known:
            raise unknown()
        warehouse.execute_all(*erasure.record(), *steps)
        erasure.replace(settings, letters)
        if "_views" in warehouse.tables() and warehouse.dialect in DEFINITIONS:
            # some views may have been turned into tables, which hold copies
            today = pendulum.today(settings.timezone).date()
            views.apply(InWarehouse(warehouse=warehouse), zone=settings.timezone, today=today)
    if settings.publish:
        published(file_of(settings), settings.publish)
    return erased


class Erasure:
    """What has to change in one warehouse for one customer."""

    def __init__(self, warehouse: Warehouse, customer: str) -> None:
        self.warehouse = warehouse
        self.customer = customer
        self.there = warehouse.tables()
        known = forgotten_in(warehouse)
        salt = known.salt or secrets.token_hex(32)
        self.name = Forgotten(salt=salt).hashed(customer)
        self.is_known = self.name in known.people
        self.salt = salt
        self.owned = self.objects_of()
        self.objects = {key for keys in self.owned.values() for key in keys}

    def record(self) -> Iterator[Step]:
        """That somebody was forgotten, and when."""
        table = self.warehouse.table(FORGOTTEN)
        if FORGOTTEN not in self.there:
            self.warehouse.execute(
                f"create table {table} (person varchar(64) not null, salt varchar(64) not null,"
                " forgotten_on date not null)"
            )
        if not self.is_known:
            values = [self.name, self.salt, pendulum.today("UTC").date()]
            yield f"insert into {table} (person, salt, forgotten_on) values (?, ?, ?)", values

    def steps(self, erased: Erased) -> Iterator[Step]:
        yield from self.of_events(erased)
        yield from self.of_rejected(erased)
        for entity in ENTITIES.values():
            for table in (entity.name, history_of(entity)):
                if table in self.there and owner_of(entity):
                    yield from self.of_rows(entity, table, erased)
        for beside in tables_beside():
            if beside.table in self.there:
                yield from self.of_beside(beside, erased)

    def of_rows(self, entity: Entity, table: str, erased: Erased) -> Iterator[Step]:
        owner, place = owner_of(entity), self.warehouse.table(table)
        where = f'where "{owner}" = ?'
        ((count,),) = self.warehouse.rows(f"select count(*) from {place} {where}", [self.customer])
        erased.counts[table] = count
        if not count:
            return
        names = erased_columns(entity, self.warehouse.columns(table))
        empty = "".join(f', "{name}" = null' for name in names)
        if f"{table}.{owner}" == ID:
            # a row of that name can only be an older one of the same customer
            yield f"delete from {place} {where}", [self.name]
            graves = self.warehouse.table("tombstones")
            named = "where entity = ? and record_key = ?"
            yield f"delete from {graves} {named}", [table, self.name]
            yield (
                f"update {graves} set record_key = ? {named}",
                [self.name, table, self.customer],
            )
        yield f'update {place} set "{owner}" = ?{empty} {where}', [self.name, self.customer]

    def of_beside(self, beside: Beside, erased: Erased) -> Iterator[Step]:
        """Rows that name the customer, or an object of the customer's."""
        erased.counts[beside.table] = 0
        if beside.owner:
            yield from self.emptied(beside, beside.owner, [self.customer], erased)
        for column, entity in beside.links.items():
            for keys in batched(((key,) for key in self.owned.get(entity, ())), KEYS_A_QUERY):
                yield from self.emptied(beside, column, [key for (key,) in keys], erased)
        for column in beside.texts:
            yield from self.of_texts(beside, column, erased)

    def of_texts(self, beside: Beside, column: str, erased: Erased) -> Iterator[Step]:
        table, width = self.warehouse.table(beside.table), len(beside.key)
        listed = ", ".join(f'"{name}"' for name in (*beside.key, column))
        found = self.warehouse.rows(f'select {listed} from {table} where "{column}" is not null')
        theirs = {self.customer, *self.objects}
        where = " and ".join(f'"{name}" = ?' for name in beside.key)
        for row in found:
            if words_in(row[width]) & theirs:
                erased.counts[beside.table] += 1
                yield f'update {table} set "{column}" = null where {where}', row[:width]

    def emptied(
        self, beside: Beside, column: str, values: Sequence[Any], erased: Erased
    ) -> Iterator[Step]:
        """Empties the rows that have one of the values and something left to empty."""
        table, marks = self.warehouse.table(beside.table), ", ".join("?" for _ in values)
        left = [f'"{name}" is not null' for name in beside.emptied]
        sets, given = [f'"{name}" = null' for name in beside.emptied], []
        if beside.owner:
            left.append(f'"{beside.owner}" is null or "{beside.owner}" <> ?')
            sets.append(f'"{beside.owner}" = ?')
            given.append(self.name)
        where = f'where "{column}" in ({marks}) and ({" or ".join(left)})'
        if not values:
            return
        parameters = [*values, *given]
        ((count,),) = self.warehouse.rows(f"select count(*) from {table} {where}", parameters)
        erased.counts[beside.table] += count
        if count:
            yield f"update {table} set {', '.join(sets)} {where}", [*given, *parameters]

    def of_rejected(self, erased: Erased) -> Iterator[Step]:
        table = self.warehouse.table("rejected_records")
        found = self.warehouse.rows(
            f"select entity, record_key, record from {table} where record is not null"
        )
        theirs = [row[:2] for row in found if self.customer in named_in_text(row[2])]
        erased.counts["rejected_records"] = len(theirs)
        for key in theirs:
            sql = f"update {table} set record = null where entity = ? and record_key = ?"
            yield sql, key

    def of_events(self, erased: Erased) -> Iterator[Step]:
        if EVENTS not in self.there:
            return
        table, listed = self.warehouse.table(EVENTS), ", ".join(EVENT)
        found = self.warehouse.rows(
            f"select {listed} from {table} where payload is not null or snapshot is not null"
        )
        erased.counts[EVENTS] = 0
        for row in found:
            event = dict(zip(EVENT, row, strict=True))
            if not self.is_theirs(event):
                continue
            erased.counts[EVENTS] += 1
            left = blank(event, [self.customer])
            emptied = "object_key = ?, actor = ?, payload = null, snapshot = null"
            values = [left["object_key"], left["actor"], event["event_id"]]
            yield f"update {table} set {emptied} where event_id = ?", values

    def is_theirs(self, event: Mapping[str, Any]) -> bool:
        return event["object_key"] in self.objects or self.customer in people_in(event)

    def objects_of(self) -> dict[str, list[str]]:
        """The keys of everything that belongs to the customer, and of its parts, by entity."""
        found: dict[str, list[str]] = {}
        for entity in sorted(ENTITIES.values(), key=lambda made: made.whole is not None):
            owner, within = owner_of(entity), entity.vanishing and entity.vanishing.within
            if entity.name not in self.there or len(entity.key) > 1:
                continue
            if owner:
                # what was forgotten before goes by the other name
                found[entity.name] = self.keys(entity, owner, [self.customer, self.name])
            elif within and entity.whole in found:
                found[entity.name] = self.keys(entity, within, found[entity.whole])
        return found

    def keys(self, entity: Entity, column: str, values: Sequence[str]) -> list[str]:
        if not values:
            return []
        marks = ", ".join("?" for _ in values)
        table = self.warehouse.table(entity.name)
        sql = f'select "{entity.key[0]}" from {table} where "{column}" in ({marks})'
        return [str(key) for (key,) in self.warehouse.rows(sql, values)]

    def letters(self, settings: Settings) -> dict[str, bytes]:
        """What takes the place of those events in the inbox that are theirs, by id."""
        if settings.inbox is None or not exists(settings.inbox):
            return {}
        from pipelines.ordergroove.webhooks.inbox import opened_inbox

        found = {}
        with opened_inbox(settings.inbox) as inbox:
            index = inbox.index()
            for start in range(0, len(index), BODIES_AT_ONCE):
                some = index[start : start + BODIES_AT_ONCE]
                bodies = inbox.bodies([stored.seq for stored in some])
                for stored in some:
                    event = readable(stored, bodies.get(stored.seq, b""))
                    if event and self.is_theirs(vars(event)):
                        body = kept(blank(vars(event), [self.customer]))
                        if body != bodies[stored.seq]:
                            found[event.event_id] = body
        return found

    def replace(self, settings: Settings, letters: Mapping[str, bytes]) -> None:
        if not letters or settings.inbox is None:
            return
        from pipelines.ordergroove.webhooks.inbox import opened_inbox

        with opened_inbox(settings.inbox) as inbox:
            inbox.replace(letters)


def refuse_unfit(settings: Settings, warehouse: Warehouse) -> None:
    if isinstance(warehouse.engine, Lake):
        raise ConfigError(
            what=f"The warehouse {settings.destination_shown} is a lake: older files of its tables"
            " would keep what is erased.",
            do="Erase the person with the tools of the lake, and vacuum the tables.",
            state=UNTOUCHED,
        )
    if "tombstones" not in warehouse.tables():
        raise ConfigError(
            what="Nothing has been synced into this warehouse yet.",
            do="Name another one with --destination or --dataset.",
            state=UNTOUCHED,
        )


def unknown() -> ConfigError:
    # the id is not repeated: it may be a person's
    return ConfigError(
        what="Nothing in the warehouse or the inbox names that customer.",
        do="Give the shop's own id of the customer, as in customers.merchant_user_id.",
        state=UNTOUCHED,
    )
