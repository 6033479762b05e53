"""Which records are still open, by Ordergroove's own lists of the statuses that are not final."""

from collections.abc import Iterable
from typing import Any

from pipelines.ordergroove.preflight import refuse_other_merchant
from sources.ordergroove.client import Client, Tally
from sources.ordergroove.model import Entity
from state.ordergroove.tombstones import Key


def listed(
    entity: Entity,
    statuses: Iterable[int],
    client: Client,
    tally: Tally,
    merchants: Iterable[str],
) -> dict[Key, Any]:
    """The keys of all records with one of the statuses, as they are now, with their stamps.

    Raises EntityError when a list cannot be read to its end, ConfigError when it is the list of
    another merchant than `merchants`.
    """
    known = {*merchants}
    stamp = str(entity.changes and entity.changes.stamp)
    shown: dict[Key, Any] = {}
    field = str(entity.vanishing and entity.vanishing.status)
    for status in sorted(statuses):
        for page in client.pages(entity, params={field: str(status)}, tally=tally):
            records = [record for record in page.records if isinstance(record, dict)]
            if entity.has_merchant:
                seen = {str(record["merchant"]) for record in records if record.get("merchant")}
                refuse_other_merchant(known, seen)
            for record in records:
                key = tuple(str(record.get(name)) for name in entity.key)
                shown[key] = record.get(stamp)
    return shown
