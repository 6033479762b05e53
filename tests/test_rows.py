"""From the bytes of pages to typed batches: whatever is sent arrives, somewhere, exactly."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.ordergroove.columns import column_name
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import Answer, Column, Entity
from sources.ordergroove.page import Page, document_of, envelope
from sources.ordergroove.rows import Batch, batch_of, latest_by_key, schema_of
from sources.ordergroove.sandbox import World
from tests.json_values import PATIENT, original, read, same, sent, texts, values

ZONE = "America/New_York"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORDERS, ITEMS, SUBSCRIPTIONS = ENTITIES["orders"], ENTITIES["items"], ENTITIES["subscriptions"]


def page_of(entity: Entity, body: str, at: datetime = AT) -> Page:
    records, link = envelope(entity, document_of(body.encode()))
    return Page(records=records, next=link, body=body.encode(), fetched_at=at, server_ahead_s=None)


def batch(entity: Entity, *pages: Sequence[Any]) -> Batch:
    """The batch of pages with these records, each page fetched a second after the last."""
    bodies = [f'{{"next":null,"results":{sent(list(records))}}}' for records in pages]
    moments = [AT + timedelta(seconds=number) for number in range(len(bodies))]
    return batch_of(entity, list(map(page_of, [entity] * len(bodies), bodies, moments)), ZONE)


def order(number: int, **fields: Any) -> dict[str, Any]:
    return {"public_id": f"{number:032x}", "updated": "2026-11-19 08:00:00"} | fields


def kept(found: Batch) -> list[dict[str, Any]]:
    """What stands in `_unparsed`, row by row, as it was sent."""
    texts = found.table["_unparsed"].to_pylist()
    rows = [read(text) if text else {} for text in texts]
    return [{original(name): original(value) for name, value in row.items()} for row in rows]


LOOKALIKES = st.sampled_from(
    [
        *("", "null", "True", "false", "12", " 12 ", "007", "1.0", "1e3", "12.50", "12.34567"),
        *("999999999999999.00", "2026-11-19 08:00:00", "2026-11-01T01:30:00Z", "2026-11-19"),
        *("2017-02-29", "2020-06-13 014:16:57", "2026-03-08 02:30:00", "0001-01-01 00:00:00"),
        *("9999-12-31 23:59:59", "2026-11-01T01:30:00-04:00", "2026-11-19 08:00:00.1234567"),
        *('{"a": 1.50}', "[]", "{not: json", '{"a": "\\u0000"}', "\x00", "\ud800", "\\u0000"),
    ]
)
ODD_NAMES = st.sampled_from(
    [
        *("", "_dlt_id", "_synced_at", "_unparsed", "synced_at", "updated_utc", "place_utc"),
        *("Total", "TOTAL", "newField", "new_field", "New Field", "a" * 70, "\x00", "\ud800", "é"),
    ]
)
FIELDS = st.one_of(LOOKALIKES, values, st.none(), st.integers(-3, 3), st.booleans())
KEYS = st.one_of(
    *[st.integers(0, 5).map("{:032x}".format)] * 3,
    st.sampled_from(["", None, 7, 7.5, "a\x00", "\ud800", "null", True]),
)


@st.composite
def records_of(draw: st.DrawFn, entity: Entity) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    known = st.sampled_from([column.name for column in entity.columns])
    record = draw(st.dictionaries(known | ODD_NAMES | texts, FIELDS, max_size=8))
    stamp = {entity.changes.stamp: "2026-11-19 08:00:00"} if entity.changes else {}
    return stamp | record | {name: draw(KEYS) for name in entity.key}


@pytest.mark.parametrize("entity", [ORDERS, SUBSCRIPTIONS], ids=["orders", "subscriptions"])
@settings(PATIENT, max_examples=400)
@given(data=st.data())
def test_every_value_of_every_record_arrives_exactly(entity: Entity, data: st.DataObject) -> None:
    pages = data.draw(st.lists(st.lists(records_of(entity), max_size=4), max_size=3))
    found = batch(entity, *pages)
    records = [record for page in pages for record in page]
    rejected = [original(read(text)) for text in found.rejected["record"].to_pylist()]
    rows = iter(zip(found.table.to_pylist(), kept(found), strict=True))
    for record in records:
        if rejected and same(record, rejected[0]):
            rejected.pop(0)
            assert not is_usable(entity, record)
            continue
        row, beside = next(rows)
        assert is_usable(entity, record)
        for name, value in record.items():
            assert_arrived(entity, name, value, row, beside)
        assert beside.keys() <= record.keys()
    assert rejected == []
    assert next(rows, None) is None


def is_usable(entity: Entity, record: Any) -> bool:
    return isinstance(record, dict) and all(
        isinstance(record.get(name), str) and record[name].strip("\x00\ud800") == record[name] != ""
        for name in entity.key
    )


def assert_arrived(
    entity: Entity, name: str, value: Any, row: Mapping[str, Any], beside: Mapping[str, Any]
) -> None:
    known = {column.name: column for column in entity.columns}
    if name in beside:
        assert same(value, beside[name])
        if name in known and row[name] is not None:
            assert not means(known[name], row[name], value)
    elif name in known:
        assert means(known[name], row[name], value), (name, value, row[name])
    elif value is not None:
        assert same(value, read(row[column_name(name)]))


def means(column: Column, held: Any, value: Any) -> bool:
    """Whether a column's value says the same as the one that was sent."""
    if value is None or held is None:
        return value is held
    match column.kind:
        case Kind.TEXT:
            return bool(held == (str(value) if "integer" in column.also else value))
        case Kind.INTEGER:
            return str(held) == value or (not isinstance(value, str) and bool(held == value))
        case Kind.BOOLEAN:
            return held is value or str(held).lower() == str(value).lower()
        case Kind.MONEY:
            return bool(held == Decimal(value))
        case Kind.LOCAL_STAMP | Kind.DATE:
            return means_time(held, value)
        case Kind.JSON:
            return held == value or same(read(held), value)


def means_time(held: date, value: str) -> bool:
    told = datetime.fromisoformat(value[:26])
    if len(value) > 26 and value[19] == ".":
        return False
    if not isinstance(held, datetime):
        return told == datetime.combine(held, datetime.min.time())
    if told.tzinfo:
        return told == held.replace(tzinfo=ZoneInfo(ZONE), fold=1).astimezone(UTC)
    return told == held


NO_ROWS: list[Any] = [None, [], ["a"], "text", 7, 1.5, True, {}, {"total": "1.00"}]
NO_KEYS: list[Any] = [None, "", 7, True, 1.5, [], {}, "a\x00b", "\ud800"]


def test_what_is_no_record_or_has_no_usable_key_is_kept_with_the_reason() -> None:
    unusable = [*NO_ROWS, *({"public_id": key, "n": 1} for key in NO_KEYS)]
    found = batch(ORDERS, unusable)
    assert found.table.num_rows == 0
    assert found.table.schema == schema_of(ORDERS)
    assert [original(read(text)) for text in found.rejected["record"].to_pylist()] == unusable
    assert set(found.rejected["reason"].to_pylist()) == {"not an object", "no usable public_id"}
    assert set(found.rejected["entity"].to_pylist()) == {"orders"}


def test_rows_after_a_rejected_record_keep_their_own_leftovers_and_times() -> None:
    first = [None, order(1, tries="many"), {"public_id": ""}, order(2)]
    second = ["odd", order(3, total="undefined", extra=1), order(4, total="4.00")]
    found = batch(ORDERS, first, second)
    assert [int(key, 16) for key in found.table["public_id"].to_pylist()] == [1, 2, 3, 4]
    assert kept(found) == [{"tries": "many"}, {}, {"total": "undefined"}, {}]
    assert found.table["extra"].to_pylist() == [None, None, "1", None]
    assert found.table["total"].to_pylist() == [None, None, None, Decimal(4)]
    later = AT + timedelta(seconds=1)
    assert found.table["_synced_at"].to_pylist() == [AT, AT, later, later]
    assert found.rejected["noticed_at"].to_pylist() == [AT, AT, later]


def test_a_rejected_record_is_known_again_whatever_the_order_of_its_fields() -> None:
    one = batch(ORDERS, [{"total": "1.00", "tries": 1}]).rejected["record_key"].to_pylist()
    again = batch(ORDERS, [{"tries": 1, "total": "1.00"}]).rejected["record_key"].to_pylist()
    other = batch(ITEMS, [{"tries": 1, "total": "1.00"}]).rejected["record_key"].to_pylist()
    assert one == again != other


def test_a_rejected_number_keeps_its_digits() -> None:
    found = batch(ORDERS, [Decimal("1.00000000000000000001"), {"a": 2**70}])
    assert found.rejected["record"].to_pylist() == ["1.00000000000000000001", f'{{"a":{2**70}}}']


def test_every_part_of_a_key_is_needed() -> None:
    entity = ENTITIES["cancel_reasons"]
    given = [{"application": "a", "cancel_reason": 0}, {"application": "a"}, {"cancel_reason": 1}]
    given += [{"application": "a", "cancel_reason": "007"}]
    found = batch(entity, given)
    assert found.table["cancel_reason"].to_pylist() == [0]
    assert found.rejected.num_rows == 3


def raw(fields: str) -> Batch:
    """The batch of one order with these fields, as they stand on the wire."""
    body = f'{{"next":null,"results":[{{"public_id":"a","updated":null,{fields}}}]}}'
    return batch_of(ORDERS, [page_of(ORDERS, body)], ZONE)


@pytest.mark.parametrize(
    ("digits", "written"),
    [
        *[(digits, digits) for digits in ("1.0000000000000000001", "0.1", "1.10", "-0.5")],
        *[(digits, digits) for digits in ("18446744073709551616", "9" * 30, "9" * 5000)],
        *[(digits, digits) for digits in ("123456789012345678901234567890.5", "1e" + "9" * 20)],
        ("1e400", "1E+400"),
        ("-1e-400", "-1E-400"),
    ],
    ids=range(11),
)
def test_a_number_loses_no_digit_wherever_it_is_sent(digits: str, written: str) -> None:
    fields = ("tries", "order_merchant_id", "locked", "place", "extra_data", "brand_new")
    found = raw(",".join(f'"{field}":{digits}' for field in fields))
    text = found.table["_unparsed"][0].as_py()
    for field in fields[:4]:
        assert f'"{field}":{written}' in text
        assert found.table[field][0].as_py() is None
    assert found.table["extra_data"].to_pylist() == [written]
    assert found.table["brand_new"].to_pylist() == [written]


@pytest.mark.parametrize("value", ["1.0000000000000000001", '{"a":[1.10]}', f'["",{2**64}]'])
def test_json_alone_is_reason_enough_to_read_the_digits(value: str) -> None:
    found = raw(f'"extra_data":{value}')
    assert found.table["extra_data"].to_pylist() == [value]
    assert kept(found) == [{}]


def test_money_sent_as_a_number_is_read_by_its_digits() -> None:
    found = raw('"total":0.1,"sub_total":99999999999999.9999,"tax_total":0.00005')
    assert found.table["total"].to_pylist() == [Decimal("0.1000")]
    assert found.table["sub_total"].to_pylist() == [Decimal("99999999999999.9999")]
    assert kept(found) == [{"tax_total": Decimal("0.00005")}]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("beside", ["", ',"discount_total":1.25'])
def test_what_is_no_number_at_all_is_kept_as_a_word(word: str, beside: str) -> None:
    fields = ("total", "tries", "order_merchant_id")
    listed = ",".join(f'"{field}":{word}' for field in fields)
    found = raw(f'{listed},"extra_data":[{word},1.50],"brand_new":{word}{beside}')
    assert kept(found) == [dict.fromkeys(fields, word)]
    assert found.table["extra_data"].to_pylist() == [f'["{word}",1.50]']
    assert found.table["brand_new"].to_pylist() == [f'"{word}"']


def test_odd_characters_are_replaced_and_the_text_as_sent_is_kept() -> None:
    found = raw(
        r'"customer":"A\u0000da","currency_code":"\ud800","extra_data":{"a\u0000":"\udc00"}'
    )
    assert found.table["customer"].to_pylist() == ["A\ufffdda"]
    assert found.table["currency_code"].to_pylist() == ["\ufffd"]
    assert found.table["extra_data"].to_pylist() == ['{"a\ufffd":"\ufffd"}']
    assert json.loads(found.table["_unparsed"][0].as_py()) == {
        "customer": r'"A\u0000da"',
        "currency_code": r'"\ud800"',
        "extra_data": r'{"a\u0000":"\udc00"}',
    }


def test_components_are_json_in_each_of_their_four_shapes() -> None:
    shapes: list[Any] = ["", ["a1", "a2"], [{"product": "p", "quantity": 1}], []]
    found = batch(ITEMS, [order(n, components=shape) for n, shape in enumerate(shapes)])
    texts = found.table["components"].to_pylist()
    assert texts == ['""', '["a1","a2"]', '[{"product":"p","quantity":1}]', "[]"]
    assert kept(found) == [{}] * 4


def test_a_large_field_passes_whole() -> None:
    notes = {"notes": ["null ünd \\ " * 10] * 90_000}
    found = batch(ORDERS, [order(1, extra_data=notes), order(2, extra_data=json.dumps(notes))])
    sizes = [len(text) for text in found.table["extra_data"].to_pylist()]
    assert min(sizes) > 9_000_000
    assert [json.loads(text) for text in found.table["extra_data"].to_pylist()] == [notes, notes]


def test_depth_is_no_reason_to_fail() -> None:
    deep = "[" * 500 + "1.50" + "]" * 500
    found = raw(f'"extra_data":{deep},"brand_new":{deep},"total":{deep}')
    assert found.table["extra_data"].to_pylist() == found.table["brand_new"].to_pylist() == [deep]
    assert found.table["_unparsed"].to_pylist() == [f'{{"total":{deep}}}']


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_nothing_fetched_is_a_table_with_all_its_columns(entity: Entity) -> None:
    for found in (batch_of(entity, [], ZONE), batch(entity, []), batch(entity, [], [])):
        assert found.table.schema == schema_of(entity)
        assert (found.table.num_rows, found.rejected.num_rows) == (0, 0)
        assert (found.new_columns, found.merchants, found.oldest) == ((), frozenset(), None)


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_a_record_of_nothing_but_its_key_is_a_row_of_nulls(entity: Entity) -> None:
    key = {name: 1 if entity.column(name).kind is Kind.INTEGER else "a" for name in entity.key}
    nulls = {column.name: None for column in entity.columns} | key
    found = batch(entity, [key, nulls])
    rows = found.table.to_pylist()
    assert rows[0] == rows[1] == dict.fromkeys(schema_of(entity).names) | key | {"_synced_at": AT}
    found.table.validate(full=True)


WORLD = World(seed=5, customers=40, now=AT, days=200)


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_a_merchants_records_need_nothing_kept_beside(entity: Entity) -> None:
    records = [row.record for row in WORLD.rows(entity.name)]
    found = batch(entity, records)
    found.table.validate(full=True)
    assert found.table.num_rows == len(records) > 0
    assert (found.new_columns, found.rejected.num_rows) == ((), 0)
    fields = {name for row in kept(found) for name in row}
    assert fields <= {column.name for column in entity.columns if column.also}


def test_an_answer_that_is_one_record_is_a_batch_too() -> None:
    entity = ENTITIES["cancel_reasons"]
    assert entity.answer is Answer.OBJECT
    body = '{"application": "a", "cancel_reason": 1, "weight": 1.10}'
    found = batch_of(entity, [page_of(entity, body)], ZONE)
    assert found.table["weight"].to_pylist() == ["1.10"]


def test_a_stamp_has_its_instant_beside_it() -> None:
    stamps = [
        "2026-07-01 12:00:00",
        "2026-03-08 02:30:00",
        "2026-11-01 01:30:00",
        "2017-02-29",
        None,
    ]
    found = batch(ORDERS, [order(n, place=stamp) for n, stamp in enumerate(stamps)])
    hours = [
        at and at.astimezone(UTC).strftime("%H:%M") for at in found.table["place_utc"].to_pylist()
    ]
    assert hours == ["16:00", "06:30", "06:30", None, None]
    assert kept(found)[3] == {"place": "2017-02-29"}


def test_a_batch_says_which_merchants_and_how_far_back_it_goes() -> None:
    rows = [
        order(1, merchant="m1", updated="2026-01-02 00:00:00"),
        order(2, merchant="m2", updated="2026-01-01 00:00:00"),
        order(3, merchant=None, updated=None),
    ]
    found = batch(ORDERS, rows)
    assert found.merchants == {"m1", "m2"}
    assert found.oldest == datetime.fromisoformat("2026-01-01 00:00:00")
    assert batch(ORDERS, [order(1, updated="junk")]).oldest is None
    assert batch(ITEMS, [order(1)]).merchants == frozenset()


def test_of_rows_with_one_key_the_last_that_came_is_the_one() -> None:
    one = batch(ORDERS, [order(1, tries=1), order(2, tries=2), order(1, tries=3)])
    two = batch(ORDERS, [order(2, tries=4, updated="2020-01-01 00:00:00", brand_new=1)])
    table = latest_by_key([one.table, two.table], ORDERS.key)
    assert table.select(["tries", "brand_new"]).to_pylist() == [
        {"tries": 3, "brand_new": None},
        {"tries": 4, "brand_new": "1"},
    ]
    table.validate(full=True)


def test_keys_of_several_parts_are_compared_as_a_whole() -> None:
    entity = ENTITIES["product_groups"]
    pairs = [("a", "b"), ("b", "a"), ("a", "a"), ("a", "b")]
    records = [{"group_type": kind, "name": name} for kind, name in pairs]
    table = latest_by_key([batch(entity, records).table], entity.key)
    found = zip(table["group_type"].to_pylist(), table["name"].to_pylist(), strict=True)
    assert list(found) == [("b", "a"), ("a", "a"), ("a", "b")]


def test_keys_that_differ_only_in_case_or_spaces_are_different() -> None:
    records = [order(1) | {"public_id": key} for key in ("a", "A", "a ", " a", "ä", "a\u0308")]
    assert latest_by_key([batch(ORDERS, records).table], ORDERS.key).num_rows == 6


def test_the_pages_as_they_were_parsed_are_left_as_they_are() -> None:
    body = orjson.dumps({"next": None, "results": [order(1, extra_data={"a": 1.5}), None]}).decode()
    page = page_of(ORDERS, body)
    batch_of(ORDERS, [page], ZONE)
    assert page == page_of(ORDERS, body)


def test_arrow_holds_what_the_schema_says() -> None:
    found = batch(ORDERS, [order(1, total="1.00")])
    assert found.table.schema.field("total").type == pa.decimal128(18, 4)
    assert not found.table.schema.field("public_id").nullable
