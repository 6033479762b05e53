"""The tables beside the entities' tables."""

import pyarrow as pa
import pytest

from sources.ordergroove.entities import ENTITIES
from state.ordergroove import ledger
from state.ordergroove.ledger import LEDGER

BY_NAME = pytest.mark.parametrize("name", LEDGER)


def test_the_ledger_holds_the_tables_of_the_warehouse_contract() -> None:
    assert {name: table.schema.names for name, table in LEDGER.items()} == {
        "sync_runs": [
            "run_id", "entity", "command", "window_since_utc", "window_opened_at_utc",
            "started_at", "finished_at", "status", "pages", "rows", "deleted", "retries", "error",
            "sweep_requests", "swept_at",
        ],
        "sync_windows": ["entity", "since", "until", "opened_at", "run_id"],
        "tombstones": ["entity", "record_key", "noticed_at", "evidence", "deleted_at"],
        "rejected_records": ["entity", "record_key", "record", "reason", "noticed_at"],
    }  # fmt: skip


def test_the_states_of_a_run_are_those_of_the_warehouse_contract() -> None:
    told = {ledger.RUNNING, ledger.DONE, ledger.FAILED, ledger.PARTIAL, ledger.UNAVAILABLE}
    assert told | {ledger.CRASHED} == {
        "running", "done", "failed", "partial", "unavailable", "crashed",
    }  # fmt: skip


@BY_NAME
def test_keys_and_json_are_columns_of_the_table(name: str) -> None:
    table = LEDGER[name]
    assert {*table.key, *table.json_columns} <= {*table.schema.names}
    assert len({*table.key}) == len(table.key)


@BY_NAME
def test_every_time_is_an_instant(name: str) -> None:
    for field in LEDGER[name].schema:
        assert not pa.types.is_timestamp(field.type) or field.type.tz == "UTC"


def test_no_table_of_the_ledger_is_named_like_an_entity() -> None:
    assert not {*LEDGER} & {*ENTITIES}
