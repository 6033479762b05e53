"""Which records are still open, by Ordergroove's own lists of the statuses that are not final."""

from collections.abc import Iterable

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
) -> list[Key]:
    """The keys of all records with one of the statuses, as they are now.

    Raises EntityError when a list cannot be read to its end, ConfigError when it is the list of
    another merchant than `merchants`.
    """
    known = {*merchants}
    keys: dict[Key, None] = {}
    field = str(entity.vanishing and entity.vanishing.status)
    for status in sorted(statuses):
        for page in client.pages(entity, params={field: str(status)}, tally=tally):
            records = [record for record in page.records if isinstance(record, dict)]
            if entity.has_merchant:
                seen = {str(record["merchant"]) for record in records if record.get("merchant")}
                refuse_other_merchant(known, seen)
            for record in records:
                keys[tuple(str(record.get(name)) for name in entity.key)] = None
    return [*keys]
