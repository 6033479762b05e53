"""Who was forgotten, without saying whom: rows and events of theirs lose what is personal.

The table `forgotten` holds a salted hash of each customer's id. The same hash takes the place of
the id in the tables, so that orders still belong together; a row that Ordergroove goes on showing
arrives under it, and without its personal columns.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ordergroove.report import so_many
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import CUSTOMERS, ENTITIES
from sources.ordergroove.kinds import Personal
from sources.ordergroove.model import Entity
from sources.ordergroove.rows import Batch, schema_of
from sources.ordergroove.webhooks.event_types import family_of

FORGOTTEN = "forgotten"
ID = f"{CUSTOMERS.name}.{CUSTOMERS.key[0]}"
"""What a column names that names a customer."""


def owner_of(entity: Entity) -> str | None:
    """The column that names the customer whom a row of the entity belongs to."""
    for column in entity.columns:
        if column.references == ID or f"{entity.name}.{column.name}" == ID:
            return column.name
    return None


NAMES = frozenset(owner for entity in ENTITIES.values() if (owner := owner_of(entity)))
"""Fields that name a customer, in records and in events."""


def erased_columns(entity: Entity, columns: Iterable[str]) -> list[str]:
    """Those of a table's columns that become empty: personal ones, and what nobody knows."""
    kept = {c.name for c in entity.columns if c.personal is Personal.NO}
    kept |= {*schema_of(entity).names} - {c.name for c in entity.columns} - {"_unparsed"}
    owner = owner_of(entity)
    return [
        name
        for name in columns
        if name not in kept and name != owner and not name.startswith("_dlt_")
    ]


def named_in(value: Any) -> Iterator[str]:
    """Every customer's id that stands in a record or an event, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in NAMES and isinstance(inner, str | int):
                yield str(inner)
            yield from named_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named_in(inner)


def named_in_text(text: Any) -> set[str]:
    """The same for JSON text, or for what a driver has made of it."""
    try:
        return {*named_in(json.loads(text) if isinstance(text, str) else text)}
    except ValueError:
        return set()


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """The people who were forgotten, as the warehouse knows them."""

    salt: str = ""
    people: frozenset[str] = frozenset()
    shown: set[str] = field(default_factory=set)
    """Those of whom Ordergroove still showed something personal to this run."""

    def hashed(self, customer: str) -> str:
        digest = blake2b(customer.encode(), key=bytes.fromhex(self.salt), digest_size=16)
        return f"forgotten-{digest.hexdigest()}"

    def among(self, customers: Iterable[str | None]) -> dict[str, str]:
        """Those of the ids whose customer was forgotten, with what takes their place."""
        if not self.people:
            return {}
        hashed = {customer: self.hashed(customer) for customer in customers if customer}
        return {customer: name for customer, name in hashed.items() if name in self.people}

    def veiled(self, batch: Batch) -> Batch:
        """The batch without what is personal of those who were forgotten."""
        owner = owner_of(batch.entity)
        if not self.people or owner is None:
            return batch
        found = self.among(pc.unique(batch.table[owner]).to_pylist())
        table = veil(batch.entity, batch.table, owner, found, self.shown) if found else batch.table
        return replace(batch, table=table, rejected=self.without_records(batch.rejected))

    def without_records(self, rejected: pa.Table) -> pa.Table:
        texts = rejected["record"].to_pylist()
        kept = [None if text and self.among(named_in_text(text)) else text for text in texts]
        place = rejected.schema.get_field_index("record")
        return rejected.set_column(place, "record", pa.array(kept, pa.string()))

    def is_in(self, event: Mapping[str, Any]) -> bool:
        """Whether a row of `webhook_events` speaks of one of them."""
        return bool(self.people and self.among(people_in(event)))


def veil(
    entity: Entity, table: pa.Table, owner: str, found: Mapping[str, str], shown: set[str]
) -> pa.Table:
    owners = table[owner].to_pylist()
    is_theirs = pa.array([name in found for name in owners])
    told = pa.nulls(len(owners), pa.bool_()).fill_null(False)
    for name in erased_columns(entity, table.column_names):
        values = table[name]
        told = pc.or_(told, pc.and_(is_theirs, pc.is_valid(values)))
        nothing = pa.scalar(None, values.type)
        place = table.column_names.index(name)
        table = table.set_column(place, table.field(name), pc.if_else(is_theirs, nothing, values))
    told_of = zip(owners, pc.fill_null(told, False).to_pylist(), strict=True)
    shown.update(found[name] for name, is_told in told_of if is_told)
    names = pa.array([found.get(name, name) for name in owners], table[owner].type)
    return table.set_column(table.column_names.index(owner), table.field(owner), names)


def people_in(event: Mapping[str, Any]) -> set[str]:
    """The customers whom a row of `webhook_events` names."""
    found = named_in_text(event["payload"]) | named_in_text(event["snapshot"])
    found |= {str(event["actor"] or "").partition(":")[2], str(event["object_key"] or "")}
    return found - {""}


def blank(event: Mapping[str, Any], people: Iterable[str]) -> dict[str, Any]:
    """The event as it may be kept: what kind it was, of which object, and when."""
    names_person = event["object_key"] in {*people}
    return {
        **event,
        "object_key": None if names_person else event["object_key"],
        "actor": (event["actor"] or "").partition(":")[0] or None,
        "payload": None,
        "snapshot": None,
    }


def kept(event: Mapping[str, Any]) -> bytes:
    """An event of `blank` as a body that the inbox may hold."""
    family = family_of(event["event_type"])
    inner = {"type": event["object_type"]}
    if event["object_key"]:
        inner[family.key if family else "public_id"] = event["object_key"]
    at = event["happened_at"]
    body = {
        "id": event["event_id"],
        "type": event["event_type"],
        "created": int(at.timestamp()) if at else None,
        "data": {"object": inner},
    }
    return json.dumps(body).encode()


def forgotten_in(warehouse: Warehouse) -> Forgotten:
    """Everybody who was forgotten in the warehouse."""
    if not warehouse.has_table(FORGOTTEN):
        return Forgotten()
    found = warehouse.rows(f"select person, salt from {warehouse.table(FORGOTTEN)}")
    salt = min((salt for _, salt in found), default="")
    return Forgotten(salt=salt, people=frozenset(person for person, _ in found))


def still_shown(forgotten: Forgotten) -> list[str]:
    """What a run has to report of them."""
    count = len(forgotten.shown)
    if not count:
        return []
    who = f"{so_many(count, 'customer')} forgotten here"
    return [f"Ordergroove still shows personal data of {who}: have it erased there too"]
