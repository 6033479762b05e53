"""What `reconcile` found, for people and for programs."""

from collections.abc import Sequence
from typing import Any

from pipelines.ordergroove.reconciling.comparing import Comparison
from pipelines.ordergroove.reconciling.testimony import EXAMPLES
from pipelines.ordergroove.report import of_error, so_many
from state.ordergroove.tombstones import Key, record_key


def as_text(found: Sequence[Comparison]) -> str:
    """A line per entity; below it examples of what differs, and what went wrong."""
    width = max((len(made.entity.name) for made in found), default=0) + 1
    lines = []
    for made in found:
        lines.append(f"{made.entity.name + ':':{width}} {told(made)}")
        for name, keys in differing(made):
            if keys:
                more = f" and {len(keys) - EXAMPLES:,} more" if len(keys) > EXAMPLES else ""
                shown = ", ".join(record_key(key) for key in keys[:EXAMPLES])
                lines.append(f"{'':{width}}   {name}: {shown}{more}")
        if made.second is not None:
            lines += [f"{'':{width}}   {line}" for line in made.second.lines()]
        if made.error is not None:
            lines += ["", str(made.error), ""]
    return "\n".join(lines)


def told(made: Comparison) -> str:
    if made.error is not None and not made.read:
        return "could not be compared"
    newer = f", {made.ahead:,} changed since the last sync" if made.ahead else ""
    if not made.faults:
        clock = " but for the clock" if made.second and made.second.zone else ""
        return f"{so_many(made.read, 'record')}, no difference{clock}{newer}"
    counts = ", ".join(f"{len(keys):,} {name}" for name, keys in differing(made) if keys)
    mended = f", {made.repaired:,} repaired" if made.repaired else ""
    return f"{so_many(made.read, 'record')}, {counts}{mended}{newer}"


def differing(made: Comparison) -> tuple[tuple[str, Sequence[Key]], ...]:
    return ("missing", made.missing), ("stale", made.stale), ("ghost", made.ghosts)


def as_json(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    return [
        {
            "entity": made.entity.name,
            "read": made.read,
            **{
                name: {"count": len(keys), "examples": [record_key(key) for key in keys[:EXAMPLES]]}
                for name, keys in differing(made)
            },
            "changed_since_last_sync": made.ahead,
            "repaired": made.repaired,
            "error": of_error(made.error) if made.error else None,
        }
        | ({} if made.second is None else {"graphql": made.second.as_json()})
        for made in found
    ]
