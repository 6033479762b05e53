"""The keys that a list has shown, in a few bytes each: a million orders are no reason to swap."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ordergroove.deletions.candidates import LiveRows
from state.ordergroove.tombstones import Key, record_key


class Seen:
    """Keys as they come, page by page; some may come twice."""

    def __init__(self) -> None:
        self.parts: list[pa.Array] = []

    def add(self, keys: Sequence[Key]) -> None:
        self.parts.append(pa.array(map(record_key, keys), pa.string()))

    def __len__(self) -> int:
        return len(pc.unique(self.all())) if self.parts else 0

    def all(self) -> pa.ChunkedArray:
        return pa.chunked_array(self.parts, pa.string())

    def missing_from(self, live: LiveRows) -> Iterator[Key]:
        """The live rows that no page has shown."""
        shown = self.all()
        for keys in live.portions():
            told = pc.is_in(pa.array(map(record_key, keys), pa.string()), value_set=shown)
            yield from (key for key, is_shown in zip(keys, told.to_pylist(), strict=True)
                        if not is_shown)  # fmt: skip
