"""What DuckDB logs is folded into the file while a run goes on, not only at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ordergroove.arriving import Arrivals, arrivals
from pipelines.ordergroove.loading import Chunk
from pipelines.ordergroove.settings import load
from pipelines.ordergroove.targets import duckdb_log
from pipelines.ordergroove.targets.duckdb_log import size_of
from pipelines.ordergroove.warehouse import opened, scratch_in


@pytest.fixture
def arrive(tmp_path: Path) -> Iterator[Arrivals]:
    """The way into a new file."""
    destination = {"destination": f"duckdb:///{tmp_path}/warehouse.duckdb"}
    settings = load(destination, {}, tmp_path, tmp_path)
    with opened(settings) as warehouse, scratch_in(tmp_path / "scratch") as scratch:
        yield arrivals(settings, warehouse, warehouse.pipeline(scratch))


def log_of(arrive: Arrivals) -> int:
    assert arrive.warehouse.path is not None
    return size_of(arrive.warehouse.path)


def test_a_small_log_is_left_to_the_end_of_the_run(arrive: Arrivals) -> None:
    assert arrive(Chunk(), ["orders"]) == {}

    assert log_of(arrive) > 0


def test_a_large_log_is_folded_after_the_package(
    arrive: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_log, "MOST_BYTES", 1)

    assert arrive(Chunk(), ["orders"]) == {}

    assert log_of(arrive) == 0


def test_a_log_that_cannot_be_folded_now_stops_nothing(
    arrive: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_log, "MOST_BYTES", 1)
    monkeypatch.setattr(duckdb_log, "FOLD", "checkpoint nowhere_at_all")

    assert arrive(Chunk(), ["orders"]) == {}

    assert log_of(arrive) > 0
