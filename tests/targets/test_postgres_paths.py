"""PostgreSQL with and without its Arrow driver: the same tables, the same contents."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pendulum
import pytest

from pipelines.ordergroove.loading import Chunk, load
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.settings import load as settings_for
from pipelines.ordergroove.warehouse import Warehouse, opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.page import Page
from sources.ordergroove.rows import batch_of
from state.ordergroove.watermark import Position

NOW = pendulum.datetime(2026, 6, 10, 14)
ODD = [
    {"public_id": "plain", "total": "12.3400", "currency_code": "USD", "locked": True},
    {"public_id": "empty", "currency_code": "", "rejected_message": None},
    {
        "public_id": "signs",
        "currency_code": 'a,"b"\n\\N\\',
        "extra_data": {"a": ['"', "\\", "é🎉"]},
    },
    {"public_id": "large", "tries": 2**63 - 1, "total": "99999999999999.9999"},
    {"public_id": " Key ", "currency_code": "null", "created": "2026-03-08 02:30:00"},
    {"public_id": "key", "extra_data": '{"b": 1.10, "b": 2}', "status": "odd"},
]


@pytest.fixture(params=["arrow", "csv", "csv first"])
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def loaded(
    path: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """The odd records, loaded twice; without the driver at first, or altogether."""
    settings = settings_for({"destination": postgres_url}, {}, tmp_path, tmp_path)
    orders = ENTITIES["orders"]
    page = Page(records=list(ODD), next=None, body=b"", fetched_at=NOW, server_ahead_s=None)
    batch = batch_of(orders, [page], "America/New_York")
    for lacks_driver in (path != "arrow", path == "csv"):
        with monkeypatch.context() as patched:
            if lacks_driver:
                patched.setitem(sys.modules, "adbc_driver_manager", None)
            with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
                chunk = Chunk()
                chunk.add(Delivery(entity=orders, batch=batch, position=Position(watermark=NOW)))
                assert load(warehouse.pipeline(scratch), chunk) == {}
    with opened(settings, read_only=True) as warehouse:
        yield warehouse


def column(warehouse: Warehouse, name: str) -> dict[str, object]:
    table = warehouse.table("orders")
    return dict(warehouse.rows(f'select public_id, "{name}" from {table}'))


def test_every_value_arrives_as_it_is(loaded: Warehouse) -> None:
    texts = column(loaded, "currency_code")
    assert texts == {
        "plain": "USD",
        "empty": "",
        "signs": 'a,"b"\n\\N\\',
        "large": None,
        " Key ": "null",
        "key": None,
    }
    assert column(loaded, "tries")["large"] == 2**63 - 1
    assert str(column(loaded, "total")["large"]) == "99999999999999.9999"
    assert column(loaded, "locked")["plain"] is True
    assert column(loaded, "extra_data")["signs"] == '{"a":["\\"","\\\\","é🎉"]}'
    assert column(loaded, "_unparsed")["key"] is not None
    assert str(column(loaded, "created_utc")[" Key "]) == "2026-03-08 06:30:00+00:00"


def test_columns_have_the_same_types_on_every_path(loaded: Warehouse) -> None:
    types = loaded.columns("orders")
    assert {types["extra_data"], types["_unparsed"]} == {"json"}
    assert types["created"] == "timestamp without time zone"
    assert types["created_utc"] == "timestamp with time zone"
    assert types["total"] == "numeric"
    assert types["public_id"] == "text"
