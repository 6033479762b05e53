"""What is known to be gone from Ordergroove: when it was noticed, and by what evidence.

A row of the warehouse is marked only because a tombstone names it. Keys are tuples of the values of
the entity's key columns; a tombstone holds them as text.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sources.ordergroove.model import Entity

Key = tuple[Any, ...]

NOT_FOUND = "404 for it, 200 for others of the same run"
ABSENT_TWICE = "missing from two complete reads, one after the other"


def record_key(key: Sequence[object]) -> str:
    """A key as one text: what it is when it is one value, else a JSON list."""
    return str(key[0]) if len(key) == 1 else json.dumps(list(key))


def key_of(entity: Entity, text: str) -> Key:
    """The key that a text of `record_key` stands for."""
    return (text,) if len(entity.key) == 1 else tuple(json.loads(text))


def tombstone(
    entity: Entity,
    key: Key,
    *,
    noticed_at: datetime,
    evidence: str,
    deleted_at: datetime | None = None,
) -> dict[str, Any]:
    """A row of `tombstones`.

    `noticed_at` is by the clock of the run, taken before the request that lacked the record.
    `deleted_at` is when Ordergroove deleted it, where that is known.
    """
    return {
        "entity": entity.name,
        "record_key": record_key(key),
        "noticed_at": noticed_at,
        "evidence": evidence,
        "deleted_at": deleted_at,
    }
