"""The shops whose books an oracle has counted."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pipelines.ordergroove.sql_layer.database import InWarehouse
from tests.marts.oracle import Oracle
from tests.marts.shops import lived, warehouse_of

SEEDS = (3, 11, 29)


class Shop:
    def __init__(self, database: InWarehouse, oracle: Oracle) -> None:
        self.database = database
        self.oracle = oracle

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        session = self.database.warehouse.connection.cursor()
        return list(session.execute(f"use {self.database.dataset}; {sql}").fetchall())


@pytest.fixture(scope="module", params=SEEDS)
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    witness = lived(request.param)
    directory: Path = tmp_path_factory.mktemp("shop")
    with ExitStack() as stack:
        database = stack.enter_context(warehouse_of(witness.world, directory, witness.events()))
        yield Shop(database, Oracle(witness.world, witness))
