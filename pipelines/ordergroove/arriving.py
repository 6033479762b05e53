"""The way of every package of rows into the warehouse.

Who was forgotten stays so, the rows are loaded, then their versions are kept.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from pipelines.ordergroove.loading import Chunk, load
from pipelines.ordergroove.privacy.forgotten import Forgotten, forgotten_in
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.duckdb_log import fold_log
from pipelines.ordergroove.unfinished import Unfinished
from pipelines.ordergroove.versions.history import Versions, refuse_no_history
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import EntityError

if TYPE_CHECKING:
    from dlt import Pipeline


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Takes chunks in, one after the other. Its call is `loading.load` with what belongs to it."""

    pipeline: "Pipeline"
    warehouse: Warehouse
    versions: Versions
    forgotten: Forgotten

    def __call__(self, chunk: Chunk, create: Collection[str] = ()) -> dict[str, EntityError]:
        self.veil(chunk)
        failed = load(self.pipeline, chunk, create=create)
        if failed:
            Unfinished(warehouse=self.warehouse).take_windows_back()
        for name, deliveries in chunk.deliveries.items():
            tables = [delivery.batch.table for delivery in deliveries if delivery.batch]
            fetched = [pc.min(table["_synced_at"]).as_py() for table in tables if table.num_rows]
            if fetched and name not in failed:
                self.versions.catch_up([name], min(fetched))
        fold_log(self.warehouse.engine)
        return failed

    def veil(self, chunk: Chunk) -> None:
        for name, deliveries in chunk.deliveries.items() if self.forgotten.people else ():
            chunk.deliveries[name] = [
                replace(made, batch=made.batch and self.forgotten.veiled(made.batch))
                for made in deliveries
            ]


def arrivals(settings: Settings, warehouse: Warehouse, pipeline: "Pipeline") -> Arrivals:
    """The way in, once it is sure that no version of an earlier run is missing.

    Raises ConfigError where versions are wanted and cannot be kept.
    """
    refuse_no_history(settings, warehouse)
    versions = Versions(warehouse=warehouse, names=settings.history)
    versions.catch_up()
    return Arrivals(
        pipeline=pipeline,
        warehouse=warehouse,
        versions=versions,
        forgotten=forgotten_in(warehouse),
    )
