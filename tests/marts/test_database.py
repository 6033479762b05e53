"""What the SQL layer asks of an open DuckDB file: statements, and memory enough to join views."""

from pathlib import Path

import duckdb
import pytest

from pipelines.ordergroove.settings import load
from pipelines.ordergroove.sql_layer.database import InWarehouse
from pipelines.ordergroove.warehouse import opened


def memory_of(directory: Path, *, read_only: bool, limit: str | None = None) -> str:
    settings = load({"duckdb_memory_limit": limit}, {}, directory, directory)
    with opened(settings, read_only=read_only) as warehouse:
        ((found,),) = warehouse.rows("select current_setting('memory_limit')")
    return str(found)


def test_a_question_may_take_more_memory_than_a_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert memory_of(tmp_path, read_only=False) == "122.0 MiB"
    assert memory_of(tmp_path, read_only=True) == "488.2 MiB"


@pytest.mark.parametrize("read_only", [False, True])
def test_a_limit_that_somebody_set_holds_for_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    duckdb.connect("warehouse.duckdb").close()
    assert memory_of(tmp_path, read_only=read_only, limit="256MiB") == "256.0 MiB"


def test_the_error_that_is_told_is_the_one_that_ended_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(load({}, {}, tmp_path, tmp_path)) as warehouse:
        database = InWarehouse(warehouse=warehouse)
        with pytest.raises(duckdb.CatalogException, match="nowhere"):
            database.run("rollback", "select * from nowhere")
        # and the next statements have a transaction of their own again
        database.run("create table here (one bigint)")
        assert database.rows("select count(*) from here") == [(0,)]
