"""Daily files as they are found, from a directory into tables."""

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pendulum
import pytest

from pipelines.ordergroove.files.found import found_here
from pipelines.ordergroove.files.load import Loaded, load
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.files.content import Content, Unusable, sheet_of
from sources.ordergroove.files.names import named
from sources.ordergroove.files.reports import CANCELLED, CRM, ORDERS, REPORTS, Report
from sources.ordergroove.kinds import Personal
from sources.ordergroove.sandbox import Sandbox, World
from tests.stories.stage import Stage

HEADER = b"Ordergroove Order ID,Product,Price,Quantity,Place Date\n"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    # nothing is asked of the API: files are all there is
    world = World(seed=3, customers=1, days=1)
    return Stage(Sandbox(world), "http://127.0.0.1:1", tmp_path)


def content_of(body: bytes, report: Report) -> Content:
    (content,) = sheet_of(body, report).parts(1_000)
    return content


def loaded(stage: Stage, place: Path, **more: Any) -> Loaded:
    settings = stage.settings()
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        pipeline = warehouse.pipeline(scratch)
        now = pendulum.now("UTC")
        return load(found_here(place), warehouse, pipeline, now=now, **more)


def test_columns_that_tell_of_a_person_are_marked() -> None:
    marked = {
        column.name: column.personal
        for report in REPORTS.values()
        for column in report.columns
        if column.personal is not Personal.NO
    }
    direct = dict.fromkeys(
        ("email_address", "customer_email", "first_name", "last_name"), Personal.DIRECT
    )
    ids = ("ordergroove_user_id", "merchant_user_id", "customer_id")
    assert marked == direct | dict.fromkeys(ids, Personal.PSEUDONYM)


def test_a_column_that_names_an_object_of_the_api_names_its_key() -> None:
    for report in REPORTS.values():
        for named_by in (column.references for column in report.columns if column.references):
            entity, _, column = named_by.partition(".")
            assert ENTITIES[entity].key == (column,)


@pytest.mark.parametrize(
    ("name", "report", "kind", "day"),
    [
        ("acme_orders__delta17032025063000.csv", "orders", "delta", date(2025, 3, 16)),
        ("acme_orders__full02032025063000.csv", "orders", "full", date(2025, 3, 1)),
        ("merchant_orders_20250317_delta.csv", "orders", "delta", date(2025, 3, 16)),
        ("a_b_orders_03022025063000.csv", "orders", "unknown", date(2025, 3, 1)),
        ("a_crm_subscription_03172025063000.csv", "crm_subscription", "unknown", date(2025, 3, 16)),
        ("a_subscription_03172025063000.csv", "subscription", "unknown", date(2025, 3, 16)),
        (
            *("a_cancelled_subscriptions_03172025063000.csv", "cancelled_subscriptions"),
            *("unknown", date(2025, 3, 16)),
        ),
    ],
)
def test_each_way_of_naming_a_file_is_read(name: str, report: str, kind: str, day: date) -> None:
    says = named(name)
    assert says
    assert (says.report.name, says.kind, says.business_day) == (report, kind, day)


@pytest.mark.parametrize(
    "name", ["hash_key.txt", "acme_orders.csv", "acme_orders_99999999.csv", "acme_orders_1.csv.tmp"]
)
def test_what_is_no_report_by_its_name_is_left_alone(name: str) -> None:
    assert named(name) is None


def test_bom_quotes_and_line_ends_inside_a_value_are_read() -> None:
    body = b"\xef\xbb\xbf" + HEADER + b'007,"Tea, ""green""\r\nloose",1.50,2,03/17/2025\n'
    (row,) = content_of(body, ORDERS).rows
    assert row["ordergroove_order_id"] == "007"
    assert row["product"] == 'Tea, "green"\r\nloose'
    assert (row["price"], row["quantity"]) == (Decimal("1.5000"), 2)
    assert row["place_date"] == date(2025, 3, 17)


@pytest.mark.parametrize(
    ("encoding", "word", "told"),
    [
        ("utf-8", "茶 🍵", "utf-8-sig"),
        ("cp1252", "Thé “vert”", "cp1252"),
        # a byte that Windows does not write either
        ("latin-1", "Thé \x81", "latin-1"),
        ("utf-16", "茶 🍵", "utf-16"),
    ],
)
def test_what_is_no_utf_8_is_read_and_named(encoding: str, word: str, told: str) -> None:
    body = HEADER.decode() + f"1,{word},1,1,03/17/2025\n"
    sheet = sheet_of(body.encode(encoding), ORDERS)
    (content,) = sheet.parts(9)
    assert (content.rows[0]["product"], sheet.encoding) == (word, told)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_and_empty_lines_are_read(end: str) -> None:
    lines = [HEADER.decode().strip(), "1,Tea,1,1,03/17/2025", "", "2,Tea,1,1,03/17/2025", ""]
    rows = content_of(end.join(lines).encode(), ORDERS).rows
    assert [row["ordergroove_order_id"] for row in rows] == ["1", "2"]


def test_a_row_wider_than_the_header_is_set_aside_and_not_shifted() -> None:
    # the sample of the developer site: seven values under six names
    header = b"order_id,customer_id,order_item_id,subscription_id,product_id,quantity\n"
    content = content_of(header + b"1,2,3,4,5,6,9.99\n7,2,3,4,5,6\n", ORDERS)
    assert [row["row_number"] for row in content.rows] == [2]
    assert [row["reason"] for row in content.rejected] == ["7 values under 6 names"]


def test_a_value_of_another_kind_is_null_and_kept_beside() -> None:
    (row,) = content_of(HEADER + b"1,Tea,free,many,03/47/2025\n", ORDERS).rows
    assert row["price"] is row["quantity"] is row["place_date"] is None
    kept = {"price": "free", "quantity": "many", "place_date": "03/47/2025"}
    assert json.loads(row["_unparsed"]) == kept


def test_both_ways_of_writing_a_day_stand_in_one_report() -> None:
    body = b"Subscription ID,Create Date\n1,03/17/2025\n2,2025-03-17\n"
    days = [row["create_date"] for row in content_of(body, CANCELLED).rows]
    assert days == [date(2025, 3, 17)] * 2


def test_an_unknown_column_is_kept() -> None:
    (row,) = content_of(b"og_subscription_id,Colour\nab,red\n", CRM).rows
    assert json.loads(row["other_columns"]) == {"Colour": "red"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (HEADER + b"1,Tea,1", "cut off"),
        (HEADER + b'1,"Tea,1,1,\n', "quote"),
        (b"Product\nTea\n", "lacks ordergroove_order_id"),
        (b"Ordergroove Order ID,order_id\n1,2\n", "twice"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        content_of(body, ORDERS)


def test_a_quiet_day_with_a_header_alone_is_a_file_without_rows(
    stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "shop_orders_03172025063000.csv"
    path.write_bytes(HEADER)
    assert (loaded(stage, path).files, loaded(stage, path).known) == (1, 1)
    assert stage.query("select rows from sftp_files") == [(0,)]


def test_a_last_line_without_an_end_is_taken_when_that_is_asked_for(
    stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "shop_orders_03172025063000.csv"
    path.write_bytes(HEADER + b"1,Tea,1,1,03/16/2025")
    assert loaded(stage, path, accept_unended=True).rows == 1


class Growing(type(Path())):  # type: ignore[misc]  # the class of this machine's paths
    """A file that somebody goes on writing after it was read."""

    def read_bytes(self) -> bytes:
        found = bytes(super().read_bytes())
        with self.open("ab") as file:
            file.write(b"2,Tea,1,1,03/16/2025\n")
        return found


def test_a_file_that_is_still_being_written_is_left_for_the_next_time(
    stage: Stage, tmp_path: Path
) -> None:
    path = Growing(tmp_path / "shop_orders_03172025063000.csv")
    path.write_bytes(HEADER + b"1,Tea,1,1,03/16/2025\n")
    told = loaded(stage, path)
    assert (told.files, len(told.waiting)) == (0, 1)
    assert loaded(stage, Path(path)).rows == 2


def test_a_file_that_was_cut_off_is_loaded_when_it_is_whole(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "shop_orders_03172025063000.csv"
    path.write_bytes(HEADER + b"1,Tea,1,1,03/16/2025\n2,Te")
    assert len(loaded(stage, path).refused) == 1
    path.write_bytes(HEADER + b"1,Tea,1,1,03/16/2025\n2,Tea,1,1,03/16/2025\n")
    assert loaded(stage, path).rows == 2


def test_a_file_issued_again_takes_the_place_of_the_older_one(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "shop_orders_03172025063000.csv"
    first = HEADER + b"1,Tea,1,1,03/16/2025\n2,Tea,1,1,03/16/2025\n3,a,b,c,d,e,f\n"
    again = HEADER + b"9,Tea,1,1,03/16/2025\n"
    for body, age in ((first, 1_000), (again, 2_000), (first, 1_000)):
        path.write_bytes(body)
        os.utime(path, (age, age))
        loaded(stage, path)

    assert stage.query("select ordergroove_order_id from sftp_orders") == [("9",)]
    assert stage.query("select count(*) from sftp_rejected_rows") == [(0,)]


def test_a_row_that_is_set_aside_when_a_file_is_issued_again_is_no_longer_loaded(
    stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "shop_orders_03172025063000.csv"
    for first, age in ((b"1,Tea,1,1,", 1_000), (b"1,Tea,1,1,,wide", 2_000), (b"1,Tea,1,1,", 3_000)):
        path.write_bytes(HEADER + first + b"\n2,Tea,1,1,\n")
        os.utime(path, (age, age))
        loaded(stage, path)
        kept, aside = (
            stage.query(f"select count(*) from {table}")
            for table in ("sftp_orders", "sftp_rejected_rows")
        )
        assert (kept, aside) == (([(1,)], [(1,)]) if age == 2_000 else ([(2,)], [(0,)]))


def test_the_command_loads_a_directory_and_opens_no_other_file(
    stage: Stage, tmp_path: Path
) -> None:
    drops = tmp_path / "drops"
    drops.mkdir()
    (drops / "hash_key.csv").write_text("s3cr3t")
    (drops / "shop_orders_03172025063000.csv").write_bytes(HEADER + b"1,Tea,1,1,03/16/2025\n")
    done = stage.command("files", "load", str(drops), "--json")

    assert done.returncode == 0, done.stderr
    counts = {"files": 1, "rows": 1, "known": 0, "rejected_rows": 0, "refused": 0, "waiting": 0}
    assert json.loads(done.stdout) == counts
    assert "s3cr3t" not in done.stdout + done.stderr
