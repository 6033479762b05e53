"""dlt's own `rest_api` source on the same pages: what one gets without writing anything.

python -m tests.benchmarks.stock URL KEY FILE [SINCE]
"""

import sys
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source

from sources.ordergroove.entities import ENTITIES

ORDERS = ENTITIES["orders"]


def main(url: str, key: str, file: str, since: str = "") -> None:
    """Merges the orders changed since a wall-clock time into a DuckDB file."""
    params: dict[str, Any] = {"page_size": 100, **ORDERS.params}
    if since and ORDERS.changes:
        params[ORDERS.changes.start] = since
    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "headers": {"x-api-key": key, "X-OG-API-VERSION": "2"},
                "paginator": {"type": "json_link", "next_url_path": "next"},
            },
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "public_id",
                    "write_disposition": "merge",
                    "endpoint": {"path": ORDERS.path, "params": params, "data_selector": "results"},
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "stock",
        pipelines_dir=str(Path(file).parent / "stock"),
        destination=dlt.destinations.duckdb(file),
        dataset_name="stock",
    )
    pipeline.run(source, loader_file_format="parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
