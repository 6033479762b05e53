"""What dlt's own configuration says of a destination. dlt is imported when it is asked."""

import re
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.targets.engine import UNCHANGED, first_line
from sources.ordergroove import SOURCE
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from state.ordergroove.ledger import LEDGER

if TYPE_CHECKING:
    from dlt import Pipeline

KNOWN = (*ENTITIES, *LEDGER, "webhook_events", "_dlt_loads", "_dlt_pipeline_state", "_dlt_version")
"""Tables that are looked for: not every engine has a catalog that can be asked in one way."""


def is_lake(pipeline: "Pipeline") -> bool:
    return pipeline.destination.destination_type.endswith(".filesystem")


def configured(name: str) -> Any:
    """dlt's destination, with what the engine needs that its configuration does not say."""
    import dlt

    made = dlt.destination(name)
    match made.destination_type.rpartition(".")[2]:
        case "postgres":
            from pipelines.ordergroove.targets.postgres_dlt import KeyedPostgres

            return KeyedPostgres(destination_name=name)
        case "duckdb" | "motherduck" | "mssql" | "redshift" | "snowflake":
            # or a merge would be two statements, with nothing to be seen in between
            return dlt.destination(name, supports_transactions=True)
        case "sqlalchemy":
            return dlt.destination(name, create_primary_keys=True)
    return made


def reading_pipeline(name: str, dataset: str) -> "Pipeline":
    """A pipeline with a directory of its own, to look at what is there."""
    from pipelines.ordergroove.warehouse import quiet_dlt

    quiet_dlt()
    import dlt

    directory = tempfile.mkdtemp(prefix="ordergroove-")
    try:
        return dlt.pipeline(
            SOURCE, pipelines_dir=directory, destination=configured(name), dataset_name=dataset
        )
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def not_configured(name: str, error: Exception) -> ConfigError:
    return ConfigError(
        what=f"The destination {name!r} cannot be used: {what_is_wrong(error)}",
        do=f"Configure it in .dlt/config.toml and .dlt/secrets.toml under [destination.{name}], as"
        " the README shows under `Other warehouses`; or write an address such as"
        " duckdb:///warehouse.duckdb.",
        state=UNCHANGED,
    )


def what_is_wrong(error: Exception) -> str:
    """One sentence. Of a name that it does not know, dlt tells at length where it has looked."""
    from dlt.common.destination.exceptions import UnknownDestinationModule

    said = first_line(error)
    missing = re.search(r"However, (.+?\.)(\s|$)", said)
    if isinstance(error, UnknownDestinationModule) and missing:
        return f"it is none of dlt's own, and {missing[1]}"
    return said
