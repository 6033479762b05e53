"""What engines stumble over: signs of every plane, large values, keys that are nearly equal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from pipelines.ordergroove.arriving import Arrivals, arrivals
from pipelines.ordergroove.loading import Chunk
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
LARGE = "x" * 10_000_000
PLANES = "".join(chr(plane * 0x10000 + 0x1F600 % 0xFFFF) for plane in (0, 1, 2, 3, 14, 15, 16))
KEYS = ["key", "KEY", "key ", " key", "kéy", "ke\u0301y"]
KEYS += ["k\ney", "k%sy", "k?y", "k'y", 'k"y', "k\\y"]


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

    def column(self, table: str, key: str, column: str) -> dict[str, Any]:
        named = self.warehouse.table(table)
        return dict(self.warehouse.rows(f'select "{key}", "{column}" from {named}'))


@pytest.fixture
def place(destination: str, tmp_path: Path) -> Iterator[Place]:
    settings = settings_for({"destination": destination}, {}, tmp_path, tmp_path)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        yield Place(warehouse, arrivals(settings, warehouse, warehouse.pipeline(scratch)))


def delivery(name: str, *records: Any, at: pendulum.DateTime = NOW) -> Delivery:
    page = Page(records=[*records], next=None, body=b"", fetched_at=at, server_ahead_s=None)
    return Delivery(
        entity=ENTITIES[name],
        batch=batch_of(ENTITIES[name], [page], "America/New_York"),
        position=Position(watermark=at, zone="America/New_York"),
    )


def test_keys_that_are_nearly_equal_stay_apart_and_are_found_again(place: Place) -> None:
    for total in ("1.00", "2.0001"):
        rows = [{"public_id": key, "total": total} for key in KEYS]
        assert place.load(delivery("orders", *rows)) == {}
    found = place.column("orders", "public_id", "total")
    assert {key: round(float(total), 4) for key, total in found.items()} == dict.fromkeys(
        KEYS, 2.0001
    )
    table = place.warehouse.table("orders")
    assert place.warehouse.rows(f"select count(*) from {table}") == [(len(KEYS),)]


def test_texts_arrive_sign_by_sign_however_long(place: Place) -> None:
    rows = [
        {"public_id": "planes", "currency_code": PLANES},
        {"public_id": "large", "extra_data": {"note": LARGE}},
        {"public_id": "empty", "currency_code": ""},
        {"public_id": "null", "currency_code": None},
        {"public_id": "space", "currency_code": " a\t\r\n "},
    ]
    assert place.load(delivery("orders", *rows)) == {}
    texts = place.column("orders", "public_id", "currency_code")
    assert texts == {
        "planes": PLANES,
        "large": None,
        "empty": "",
        "null": None,
        "space": " a\t\r\n ",
    }
    assert place.column("orders", "public_id", "extra_data")["large"] == f'{{"note":"{LARGE}"}}'


def test_a_new_field_becomes_a_column_in_the_middle_of_a_run(place: Place) -> None:
    assert place.load(delivery("orders", {"public_id": "o1"})) == {}
    assert place.load(delivery("orders", {"public_id": "o2", "gift": {"wrap": 1}})) == {}
    assert place.column("orders", "public_id", "gift") == {"o1": None, "o2": '{"wrap":1}'}


SPOIL = {
    "duckdb": "alter table {table} alter phone_number type integer using null",
    "postgres": "alter table {table} alter phone_number type integer using null",
    "mariadb": "alter table {table} modify phone_number int",
    "sqlite": "create trigger refusal before insert on customers when new.phone_number = 'odd-hush'"
    " begin select raise(abort, 'this value is refused'); end",
}


def test_a_table_that_takes_no_more_rows_stops_only_its_own_entity(
    place: Place, engine: str
) -> None:
    good, bad = {"public_id": "o2"}, {"merchant_user_id": "c2", "phone_number": "odd-hush"}
    tables = ["sync_windows", *LEDGER]
    place.load(delivery("customers", {"merchant_user_id": "c1"}), create=tables)
    table = place.warehouse.table("customers").replace('"', "`" if engine == "mariadb" else '"')
    cursor = place.warehouse.connection.cursor()
    cursor.execute(SPOIL[engine].format(table=table))
    cursor.close()
    window = {"entity": "customers", "until": LATER, "opened_at": LATER, "run_id": "r1"}

    failed = place.load(
        delivery("customers", bad, at=LATER),
        delivery("orders", good, at=LATER),
        ledger={"sync_windows": [window]},
    )

    assert list(failed) == ["customers"]
    assert "hush" not in failed["customers"]
    assert "watermark stayed" in failed["customers"]
    assert place.column("customers", "merchant_user_id", "phone_number") == {"c1": None}
    assert place.column("sync_windows", "entity", "run_id") == {}
    assert place.column("orders", "public_id", "status") == {"o2": None}
    states = place.warehouse.positions()
    marks = {n: position_of(ENTITIES[n], states.get(n)).watermark for n in ("customers", "orders")}
    assert marks == {"customers": NOW, "orders": LATER}
