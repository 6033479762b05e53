"""One load package: resources into the warehouse, all of them or none, and what a failure says."""

import gc
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from sources.ordergroove import source_of
from sources.ordergroove.model import Entity
from sources.ordergroove.rows import schema_of

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.common.typing import TLoaderFileFormat
    from dlt.extract import DltResource

LOOSE_VALUE = re.compile(r"\S+@\S+|(?<!\w)[-+]?\d[\d.,:/-]{4,}")
"""Addresses of mail and longer numbers, outside of quotes."""

WORTH_FREEING = 16 * 2**20
"""Bytes in Arrow tables; to look for what is held costs a tenth of a second."""


def run_resources(pipeline: "Pipeline", resources: "Iterable[DltResource]") -> None:
    """Loads the resources in one package. Raises what dlt raises; then nothing of it is to stay."""
    pipeline.run(source_of(resources), loader_file_format=file_format_for(pipeline))
    let_go()


def let_go() -> None:
    """Frees the tables of a package that has been loaded.

    dlt keeps an exception of its own in a cycle, with the frames of all who called it.
    """
    if pa.total_allocated_bytes() >= WORTH_FREEING:
        gc.collect()


def file_format_for(pipeline: "Pipeline") -> "TLoaderFileFormat":
    """Parquet, as the batches are Arrow; CSV for PostgreSQL without its Arrow driver."""
    if "postgres" not in pipeline.destination.destination_type:
        return "parquet"
    from pipelines.ordergroove.targets.postgres_dlt import has_fast_driver

    return "parquet" if has_fast_driver() else "csv"


def take_back(pipeline: "Pipeline") -> None:
    """Throws away the package that failed and goes back to the state of the warehouse."""
    if pipeline.has_pending_data:
        pipeline.abort_packages()


def reason_of(error: BaseException, entity: Entity | None = None) -> str:
    """What the engine said at the root of the error, without the values it stumbled over.

    What stands in quotes stays only where all of it names the entity's table or its columns.
    """
    while cause := error.__cause__ or error.__context__:
        error = cause
    names = {entity.name, *schema_of(entity).names} if entity else set()
    # later lines repeat the statement, or the row
    told = next(iter(str(error).strip().splitlines()), "")
    if not {text for _, text in re.findall(r"""(['"])(.*?)\1""", told)} <= names:
        # a value may hold quotes itself: everything between the first and the last goes
        told = re.sub(r"""(['"]).*\1""", "'...'", told)
    return LOOSE_VALUE.sub("...", told) or type(error).__name__
