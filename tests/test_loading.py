"""Chunks become packages: rows, position and ledger in one, and one bad entity stops no other."""

import gc
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pyarrow as pa
import pytest
from pendulum import DateTime

from pipelines.ordergroove.arriving import Arrivals, arrivals
from pipelines.ordergroove.loading import Chunk
from pipelines.ordergroove.package import WORTH_FREEING, reason_of
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.settings import load as settings_for
from pipelines.ordergroove.warehouse import Warehouse, opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.page import Page
from sources.ordergroove.rows import batch_of
from state.ordergroove.ledger import LEDGER
from state.ordergroove.watermark import Position, position_of

NOW = pendulum.datetime(2026, 6, 10, 14)
LATER = NOW.add(minutes=1)
ZONE = "America/New_York"


class Place:
    """A warehouse that is open, with dlt beside it."""

    def __init__(self, warehouse: Warehouse, arrive: Arrivals) -> None:
        self.warehouse = warehouse
        self.arrive = arrive

    def load(self, *deliveries: Delivery, **given: Any) -> dict[str, str]:
        """Loads one chunk; returns the text of what failed."""
        chunk = Chunk()
        for name, rows in given.pop("ledger", {}).items():
            chunk.ledger[name] += rows
        for delivery in deliveries:
            chunk.add(delivery)
        return {name: str(e) for name, e in self.arrive(chunk, **given).items()}

    def column(self, table: str, column: str) -> list[Any]:
        named = self.warehouse.table(table)
        return [
            value
            for (value,) in self.warehouse.rows(f"select {column} from {named} order by {column}")
        ]

    def watermark(self, name: str) -> Any:
        state = self.warehouse.positions().get(name)
        return position_of(ENTITIES[name], state).watermark

    def run(self, sql: str) -> None:
        """What somebody else did to the tables."""
        self.warehouse.connection.cursor().execute(f"use ordergroove; {sql}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    flags = {"destination": f"duckdb:///{tmp_path}/warehouse.duckdb"}
    settings = settings_for(flags, {}, tmp_path, tmp_path)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        made = Place(warehouse, arrivals(settings, warehouse, warehouse.pipeline(scratch)))
        made.load(
            delivery("orders", {"public_id": "o1"}),
            delivery("customers", {"merchant_user_id": "c1", "email": "ann@example.com"}),
        )
        yield made


def delivery(name: str, *records: Any, at: DateTime = NOW) -> Delivery:
    """Some records of an entity, with the watermark `at`."""
    page = Page(records=[*records], next=None, body=b"", fetched_at=at, server_ahead_s=None)
    return Delivery(
        entity=ENTITIES[name],
        batch=batch_of(ENTITIES[name], [page], ZONE),
        position=Position(watermark=at, zone=ZONE),
    )


BAD = {"merchant_user_id": "c2", "email": "pat.o'hara@example.com"}
"""A customer that a warehouse does not take whose column of addresses was made one of numbers."""


@pytest.fixture
def spoilt(place: Place) -> Place:
    place.run("alter table customers alter email type integer using null")
    return place


def run_row(entity: str, status: str = "running") -> dict[str, Any]:
    empty = dict.fromkeys(LEDGER["sync_runs"].schema.names)
    return empty | {"run_id": "r1", "entity": entity, "status": status, "started_at": NOW}


def test_rows_are_merged_by_key(place: Place) -> None:
    changed = {"public_id": "o1", "total": "5.00"}
    assert place.load(delivery("orders", changed, {"public_id": "o2"})) == {}
    assert place.column("orders", "public_id") == ["o1", "o2"]
    assert place.column("orders", "total")[0] == 5


def test_of_rows_with_one_key_in_a_package_the_last_one_counts(place: Place) -> None:
    first = delivery("orders", {"public_id": "o2", "total": "1.00"}, {"public_id": "o2"})
    assert place.load(first, delivery("orders", {"public_id": "o2", "total": "3.00"})) == {}
    assert place.column("orders", "public_id") == ["o1", "o2"]
    assert place.column("orders", "total") == [3, None]


def test_state_is_that_of_the_last_delivery_and_arrives_with_it(place: Place) -> None:
    place.load(
        delivery("orders", {"public_id": "o2"}, at=NOW.subtract(hours=1)),
        delivery("orders", {"public_id": "o3"}, at=LATER),
    )
    assert place.watermark("orders") == LATER


def test_a_position_moves_even_when_there_was_nothing_new(place: Place) -> None:
    ledger = {"sync_runs": [run_row("orders", "done")]}
    assert place.load(delivery("orders", at=LATER), ledger=ledger) == {}
    assert place.watermark("orders") == LATER
    assert place.column("sync_runs", "status") == ["done"]


def test_a_delivery_without_a_position_leaves_the_state_alone(place: Place) -> None:
    place.load(replace(delivery("orders", {"public_id": "o2"}, at=LATER), position=None))
    assert place.column("orders", "public_id") == ["o1", "o2"]
    assert place.watermark("orders") == NOW


def test_a_batch_that_cannot_be_loaded_stops_no_other(spoilt: Place) -> None:
    failed = spoilt.load(
        delivery("orders", {"public_id": "o2"}, at=LATER),
        delivery("customers", BAD, at=LATER),
        delivery("items", {"public_id": "i1"}, at=LATER),
    )

    assert list(failed) == ["customers"]
    assert spoilt.column("orders", "public_id") == ["o1", "o2"]
    assert spoilt.column("items", "public_id") == ["i1"]


def test_what_failed_leaves_neither_rows_nor_position_nor_a_window(spoilt: Place) -> None:
    window = {"entity": "customers", "until": LATER, "opened_at": LATER, "run_id": "r1"}
    bad, good = delivery("customers", BAD, at=LATER), delivery("orders", at=LATER)
    spoilt.load(bad, good, ledger={"sync_windows": [window]}, create=["sync_windows"])

    assert spoilt.column("customers", "merchant_user_id") == ["c1"]
    assert spoilt.column("sync_windows", "entity") == []
    assert (spoilt.watermark("customers"), spoilt.watermark("orders")) == (NOW, LATER)


def test_after_a_failure_the_next_chunk_is_loaded_as_ever(spoilt: Place) -> None:
    spoilt.load(delivery("customers", BAD, at=LATER))

    assert spoilt.load(delivery("customers", {"merchant_user_id": "c2"}, at=LATER)) == {}
    assert spoilt.column("customers", "merchant_user_id") == ["c1", "c2"]
    assert spoilt.watermark("customers") == LATER


def test_what_a_failed_chunk_says_of_other_entities_is_kept(spoilt: Place) -> None:
    rows = [run_row("items", "done"), run_row("customers")]

    failed = spoilt.load(delivery("customers", BAD), ledger={"sync_runs": rows})

    assert list(failed) == ["customers"]
    assert "items" in spoilt.column("sync_runs", "entity")


def test_a_failed_chunk_still_brings_the_tables_that_have_to_exist(spoilt: Place) -> None:
    bad, good = delivery("customers", BAD), delivery("orders", {"public_id": "o2"})

    failed = spoilt.load(bad, good, create=["items", "products", *LEDGER])

    assert list(failed) == ["customers"]
    assert {"items", "products", *LEDGER} <= spoilt.warehouse.tables()


def test_a_package_that_fails_before_anything_is_loaded_costs_only_its_entity(place: Place) -> None:
    place.run("create view items as select 1 as odd")
    rows = [run_row("items", "done"), run_row("products", "done")]

    failed = place.load(
        delivery("items", {"public_id": "i1"}),
        ledger={"sync_runs": rows},
        create=["items", "products", *LEDGER],
    )

    assert list(failed) == ["items"]
    assert place.column("sync_runs", "entity") == ["products"]
    assert {"products", *LEDGER} <= place.warehouse.tables()


def test_tables_are_made_without_any_rows(place: Place) -> None:
    assert place.load(create=["cancel_reasons", *LEDGER]) == {}
    assert place.column("cancel_reasons", "1") == []
    assert {*LEDGER} <= place.warehouse.tables()


def test_records_without_a_key_are_kept_beside(place: Place) -> None:
    odd = delivery("orders", {"public_id": None, "total": "5.00"}, {"public_id": "o2"})
    assert place.load(odd) == {}
    assert place.column("rejected_records", "entity") == ["orders"]
    assert place.column("orders", "public_id") == ["o1", "o2"]


def test_the_same_rejected_record_is_kept_once(place: Place) -> None:
    odd = {"public_id": None, "total": "5.00"}
    place.load(delivery("orders", odd, odd))
    place.load(delivery("orders", odd))
    assert place.column("rejected_records", "entity") == ["orders"]


def test_a_new_field_becomes_a_column(place: Place) -> None:
    assert place.load(delivery("orders", {"public_id": "o2", "gift": {"wrap": 1}})) == {}
    assert place.column("orders", "gift")[0] == '{"wrap":1}'


def test_a_failure_says_why_and_never_shows_a_value(spoilt: Place) -> None:
    told = spoilt.load(delivery("customers", BAD))["customers"]

    assert "Could not convert string '...' to INT32" in told
    assert "column email" in told
    assert "hara" not in told
    assert "watermark stayed" in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Duplicate key "email: ann@x.com" violates', "Duplicate key '...' violates"),
        ("NOT NULL constraint failed: orders.total", "NOT NULL constraint failed: orders.total"),
        ("Column 'total' contains nulls", "Column 'total' contains nulls"),
        ('Table "orders" has no column "total"', 'Table "orders" has no column "total"'),
        ("Could not convert 'O'Hara' to INT", "Could not convert '...' to INT"),
        ("'total' is 'total' or 'secret'", "'...'"),
        ("Casting 15551234567 to DECIMAL(18,4) failed", "Casting ... to DECIMAL(18,4) failed"),
        ("value 2026-06-10 out of range", "value ... out of range"),
        ("row of ann@example.com is odd", "row of ... is odd"),
        ("no space left\nDETAIL: (c1, ann, 5)", "no space left"),
        ("", "ValueError"),
    ],
)
def test_what_an_engine_says_is_told_without_values(said: str, told: str) -> None:
    assert reason_of(ValueError(said), ENTITIES["orders"]) == told


def test_the_reason_is_the_one_at_the_root() -> None:
    error = RuntimeError("The package remains pending.")
    error.__cause__ = duckdb.IOException("IO Error: disk full")
    assert reason_of(error) == "IO Error: disk full"


def test_what_a_run_did_and_could_not_be_written_down_is_told(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.load(ledger={"sync_runs": [run_row("orders")]})
    place.run("alter table sync_runs alter status type integer using null")

    with caplog.at_level(logging.WARNING):
        assert place.load(ledger={"sync_runs": [run_row("items")]}) == {}

    assert "what this run did could not be written down" in caplog.text


def test_what_was_loaded_is_let_go(place: Place) -> None:
    def load_many(number: int) -> None:
        name = f"c{number} {'x' * 900}"
        place.load(
            delivery("customers", *({"merchant_user_id": f"{name}{i}"} for i in range(20_000)))
        )

    load_many(0)
    gc.disable()
    try:
        held = pa.total_allocated_bytes()
        for number in range(1, 4):
            load_many(number)
        assert pa.total_allocated_bytes() - held < 2 * WORTH_FREEING
    finally:
        gc.enable()


def test_a_chunk_knows_how_large_it_is() -> None:
    assert Chunk().is_empty
    chunk = Chunk()
    mine = delivery("orders", {"public_id": "o1"}, {"public_id": "o2"})
    chunk.add(mine)
    assert not chunk.is_empty
    assert (chunk.rows, chunk.bytes) == (2, mine.size)
