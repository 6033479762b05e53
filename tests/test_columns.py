"""Columns: what each kind takes, what it keeps beside, and that haste changes neither."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sources.ordergroove import parsers
from sources.ordergroove.columns import (
    ARROW,
    MOST_NEW_COLUMNS,
    Leftovers,
    as_a_whole,
    column_name,
    column_of,
    fields_of,
    new_columns_of,
    one_by_one,
)
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.exact import Digits
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import Column
from tests.json_values import PATIENT, texts, values

ZONE = "America/New_York"
ORDERS = ENTITIES["orders"]
local = datetime.fromisoformat


def column(kind: Kind, *also: str) -> Column:
    return Column("field", kind=kind, also=also)


def held(kind: Kind, value: Any, *also: str) -> tuple[Any, bool]:
    """What the column holds of a value, and whether the original is kept beside."""
    leftovers = Leftovers()
    array = column_of(column(kind, *also), [value], ZONE, leftovers)
    assert array.type == ARROW[kind]
    if leftovers.by_row:
        assert leftovers.by_row == {0: {"field": value}}
    return array[0].as_py(), bool(leftovers.by_row)


TAKEN: dict[Kind, list[tuple[Any, Any]]] = {
    Kind.TEXT: [("", ""), ("null", "null"), (" a ", " a "), ("12", "12"), ("😀", "😀")],
    Kind.INTEGER: [
        (12, 12),
        ("12", 12),
        ("-7", -7),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (str(2**63 - 1), 2**63 - 1),
        (Decimal("12.0"), 12),
        (Decimal("1E+3"), 1000),
    ],
    Kind.BOOLEAN: [(True, True), (False, False), ("True", True), ("false", False)],
    Kind.MONEY: [
        ("12.50", Decimal("12.5")),
        ("-0.01", Decimal("-0.01")),
        ("99999999999999.9999", Decimal("99999999999999.9999")),
        ("0.10000", Decimal("0.1")),
        ("1e3", Decimal(1000)),
        (12, Decimal(12)),
        (Decimal("12.3456"), Decimal("12.3456")),
    ],
    Kind.LOCAL_STAMP: [
        ("2026-03-01 10:20:30", local("2026-03-01 10:20:30")),
        ("2026-03-01T10:20:30", local("2026-03-01 10:20:30")),
        ("2026-03-01T10:20:30.5", local("2026-03-01 10:20:30.500000")),
        ("2026-03-01 10:20:30.123456000", local("2026-03-01 10:20:30.123456")),
        ("2026-03-01", local("2026-03-01 00:00:00")),
        ("2026-03-01T10:20:30Z", local("2026-03-01 05:20:30")),
        ("2026-07-01T10:20:30+02:00", local("2026-07-01 04:20:30")),
        ("2028-02-29 00:00:00", local("2028-02-29 00:00:00")),
        # no wall clock shows it, but a server may
        ("2026-03-08 02:30:00", local("2026-03-08 02:30:00")),
    ],
    Kind.DATE: [
        ("2026-03-01", date(2026, 3, 1)),
        ("2026-03-01 00:00:00", date(2026, 3, 1)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
    Kind.JSON: [
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ([], "[]"),
        ("", '""'),
        ("null", '"null"'),
        ("{not: json", '"{not: json"'),
        ('{"a":1,', '"{\\"a\\":1,"'),
        (' {"a": 1.50} ', ' {"a": 1.50} '),
        ('["a"]', '["a"]'),
        # what is JSON only nearly is a text
        ('{"a": NaN}', '"{\\"a\\": NaN}"'),
        ('["\\ud800"]', '"[\\"\\\\ud800\\"]"'),
        (7, "7"),
        (True, "true"),
        (Decimal("1.50"), "1.50"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [(kind, *pair) for kind, pairs in TAKEN.items() for pair in pairs],
)
def test_a_value_of_the_columns_meaning_is_taken_exactly(
    kind: Kind, value: Any, result: Any
) -> None:
    found, is_kept = held(kind, value)
    assert (found, type(found), is_kept) == (result, type(result), False)


STAMP_LIKE = [
    "",
    "null",
    "2017-02-29 00:00:00",
    "2020-06-13 014:16:57",
    "2026-03-01 24:00:00",
    "2026-03-01 10:20:60",
    "2026-03-01 10:20",
    "2026-3-1 10:20:30",
    "2026-03-01 10:20:30 ",
    "2026-03-01 10:20:30\n",
    "2026-03-01T10:20:30+25:00",
    "2026-W09-7",
    "20260301",
    "٢٠٢٦-03-01 10:20:30",
    "0000-00-00 00:00:00",
    "1772360430",
    1772360430,
    True,
    {},
]
REFUSED: dict[Kind, list[Any]] = {
    Kind.TEXT: [12, True, 1.5, Decimal("1.5"), [], {}, ["a"], Digits("1e99")],
    Kind.INTEGER: [
        *("", "null", "1.0", " 12 ", "12 ", "1e3", "+1", "0x10", "1_000", "١٢", "a", "12\n"),
        *(True, False, 2**63, -(2**63) - 1, str(2**63), Decimal("1.5"), Decimal("1E+30")),
        *(1.0, 1.5, float("nan"), float("inf"), [], {}, [1], Digits("7" * 5000)),
        *(Decimal("1E+999999999999"), Decimal("1E-999999999999"), Decimal("-1E+999999999999")),
    ],
    Kind.BOOLEAN: ["", "null", "yes", "t", "1", " true", 1, 0, 1.0, Decimal(1), [], [True]],
    Kind.MONEY: [
        *("", "null", "undefined", "12,50", "$12", "1_000", "NaN", "Infinity", "١٢", "--1", "."),
        *("12.34567", "100000000000000", "-100000000000000.00", "1e999", "1e-999", "1e9999999"),
        *(True, 12.5, [], {}, 10**14, Decimal("0.00001"), Decimal("1E+999999999999")),
        *(Decimal("1E-999999999999"), Digits("1e99999999999999999999")),
    ],
    Kind.LOCAL_STAMP: [*STAMP_LIKE, "0001-01-01 00:00:00", "9999-12-31T23:00:00-08:00"],
    Kind.DATE: [*STAMP_LIKE, "2017-02-29", "09/3099", "2026-03"],
    Kind.JSON: [],
}


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in REFUSED.items() for value in values]
)
def test_what_a_column_cannot_hold_is_null_in_it_and_kept_beside(kind: Kind, value: Any) -> None:
    assert held(kind, value) == (None, True)


@pytest.mark.parametrize(
    ("kind", "value", "part"),
    [
        (Kind.TEXT, "a\x00b", "a\ufffdb"),
        (Kind.TEXT, "a\ud800b", "a\ufffdb"),
        (Kind.INTEGER, "007", 7),
        (Kind.INTEGER, "-0", 0),
        (Kind.LOCAL_STAMP, "2026-03-01 10:20:30.1234567", local("2026-03-01 10:20:30.123456")),
        # within the hour that autumn repeats, the first time round
        (Kind.LOCAL_STAMP, "2026-11-01T01:30:00-04:00", local("2026-11-01 01:30:00")),
        (Kind.DATE, "2026-03-01 10:20:30", date(2026, 3, 1)),
        (Kind.DATE, "2026-03-01T00:00:00Z", date(2026, 3, 1)),
        (Kind.JSON, {"a": "\x00"}, '{"a":"\ufffd"}'),
        (Kind.JSON, '{"a": "\\u0000"}', '{"a": "\ufffd"}'),
        (Kind.JSON, '{"a": "\ud800"}', '"{\\"a\\": \\"\ufffd\\"}"'),
    ],
)
def test_what_a_column_holds_only_in_part_is_kept_beside_as_well(
    kind: Kind, value: Any, part: Any
) -> None:
    assert held(kind, value) == (part, True)


def test_the_second_time_round_of_an_hour_is_what_its_wall_clock_says() -> None:
    stamp = "2026-11-01T01:30:00-05:00"
    assert held(Kind.LOCAL_STAMP, stamp) == (local("2026-11-01 01:30:00"), False)


def test_a_number_is_text_only_where_the_documentation_shows_one() -> None:
    assert held(Kind.TEXT, 4, "integer") == ("4", False)
    assert held(Kind.TEXT, 2**70, "integer") == (str(2**70), False)
    assert held(Kind.TEXT, True, "integer") == (None, True)
    assert held(Kind.TEXT, Decimal("4.0"), "integer") == (None, True)


@pytest.mark.parametrize("kind", Kind)
def test_null_is_null_in_every_kind_of_column(kind: Kind) -> None:
    assert held(kind, None) == (None, False)
    assert as_a_whole(column(kind), []) is not None


@PATIENT
@given(values, st.sampled_from(Kind))
def test_no_json_value_is_too_odd_for_any_kind_of_column(value: Any, kind: Kind) -> None:
    held(kind, value)


# what makes a column pass as a whole, and what comes close to it
PLAIN = {
    Kind.TEXT: texts,
    Kind.INTEGER: st.integers(-(2**64), 2**64) | st.sampled_from([0, 2**63 - 1, -(2**63)]),
    Kind.BOOLEAN: st.booleans(),
    Kind.MONEY: st.from_regex(r"-?[0-9]{1,15}(\.[0-9]{1,5})?", fullmatch=True),
    Kind.LOCAL_STAMP: st.one_of(
        st.datetimes().map(lambda at: at.isoformat(" ", "seconds")),
        st.from_regex(
            r"(0000|1[0-9]{3}|20[0-9]{2}|[89]999)-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6]0:[0-6]0",
            fullmatch=True,
        ),
    ),
    Kind.DATE: st.one_of(
        st.dates().map(date.isoformat),
        st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    ),
    Kind.JSON: st.dictionaries(texts, texts, max_size=2),
}
ODD = [
    True,
    1,
    0,
    1.5,
    "",
    "null",
    "1.0",
    " 12 ",
    "1e3",
    "True",
    "12\n",
    {},
    [],
    "a\x00",
    Digits("7"),
]


def lists_of(kind: Kind) -> st.SearchStrategy[list[Any]]:
    plain = st.lists(st.none() | PLAIN[kind], max_size=5)
    mixed = st.lists(st.none() | PLAIN[kind] | st.sampled_from(ODD) | values, max_size=5)
    return plain | mixed


@pytest.mark.parametrize("kind", Kind)
@settings(PATIENT, max_examples=300)
@given(st.data())
def test_a_column_taken_as_a_whole_is_what_it_would_be_value_by_value(
    kind: Kind, data: st.DataObject
) -> None:
    agree(kind, data.draw(lists_of(kind)))


@pytest.mark.parametrize("kind", Kind)
def test_no_odd_value_slips_through_with_the_whole_column(kind: Kind) -> None:
    everything = [*ODD, *STAMP_LIKE, *(v for vs in REFUSED.values() for v in vs)]
    everything += [sent for pairs in TAKEN.values() for sent, _ in pairs]
    for value in everything:
        agree(kind, [value])
        agree(kind, [None, value])


def agree(kind: Kind, sent: Sequence[Any]) -> None:
    whole = as_a_whole(column(kind), sent)
    if whole is None:
        return
    leftovers = Leftovers()
    single = one_by_one(
        "field",
        sent,
        lambda value: parsers.parsed(value, column(kind), ZONE),
        ARROW[kind],
        leftovers,
    )
    assert leftovers.by_row == {}
    assert whole.equals(single)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.JSON])
@PATIENT
@given(data=st.data())
def test_documented_values_are_taken_as_a_whole(kind: Kind, data: st.DataObject) -> None:
    documented = {
        Kind.TEXT: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
        Kind.BOOLEAN: st.booleans(),
        Kind.MONEY: st.from_regex(r"-?[0-9]{1,14}\.[0-9]{2}", fullmatch=True),
        Kind.LOCAL_STAMP: st.datetimes(
            local("1000-01-01 00:00:00"), local("8999-01-01 00:00:00")
        ).map(lambda at: at.isoformat(" ", "seconds")),
        Kind.DATE: st.dates(date(1000, 1, 1), date(8999, 1, 1)).map(date.isoformat),
    }
    sent = data.draw(st.lists(st.none() | documented[kind], max_size=5))
    assert as_a_whole(column(kind), sent) is not None


@PATIENT
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", ""]), st.integers(0, 3))))
@example([])
@example([{}, {}])
@example([{"a": 1, "b": 2}, {"b": 3, "a": 4}])
def test_every_field_finds_its_values_whatever_the_order_of_the_names(
    records: list[dict[str, Any]],
) -> None:
    names = {name for record in records for name in record}
    expected = {name: [record.get(name) for record in records] for name in names}
    assert {name: list(found) for name, found in fields_of(records).items()} == expected


def new_columns(fields: dict[str, list[Any]]) -> tuple[dict[str, list[Any]], dict[int, Any]]:
    """The new columns that fields of an order would make, and what is kept beside."""
    leftovers = Leftovers()
    arrays = new_columns_of(ORDERS, fields, ["updated_utc", "_synced_at", *NAMES], leftovers)
    assert all(array.type == pa.string() for array in arrays.values())
    return {name: array.to_pylist() for name, array in arrays.items()}, leftovers.by_row


NAMES = [column.name for column in ORDERS.columns]


def test_a_new_field_becomes_a_column_of_json() -> None:
    made, kept = new_columns({"brandNew": ["a", None, {"b": [1]}], "total": ["1.00", None, None]})
    assert made == {"brand_new": ['"a"', None, '{"b":[1]}']}
    assert kept == {}


@pytest.mark.parametrize(
    "field",
    [
        *("", " ", "_", "__", "\0", "\ud800", "1st", "é", "日本", "a" * 61),
        *("_dlt_id", "_dlt_load_id", "_synced_at", "_deleted_at", "_unparsed", "_new"),
        *("synced_at", "deleted_at", "unparsed", "Synced At", "updated_utc", "UpdatedUtc"),
        *("Total", "TOTAL", "total_", "sub total", "subTotal", "sub__total"),
    ],
)
def test_a_field_whose_name_is_no_use_is_kept_beside(field: str) -> None:
    made, kept = new_columns({field: [None, 0]})
    assert made == {}
    assert kept == {1: {field: 0}}


@pytest.mark.parametrize("names", [("new", "New"), ("New", "new"), ("NEW", "new", "New ")])
def test_of_names_that_become_the_same_the_plain_one_has_the_column(names: tuple[str, ...]) -> None:
    made, kept = new_columns({name: [name] for name in names})
    assert made == {"new": ['"new"']}
    assert kept == {0: {name: name for name in names if name != "new"}}


def test_no_answer_makes_more_than_a_hundred_columns() -> None:
    fields = {f"new_{number:03}": [number] for number in range(MOST_NEW_COLUMNS + 2)}
    made, kept = new_columns(fields)
    assert len(made) == MOST_NEW_COLUMNS
    assert kept == {0: {"new_100": 100, "new_101": 101}}


@PATIENT
@given(texts)
def test_a_new_columns_name_is_one_that_every_warehouse_takes(field: str) -> None:
    name = column_name(field)
    assert name == "" or (name.isascii() and name.isidentifier() and name == name.lower())
    assert column_name(name) == name


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_every_documented_name_is_already_that_of_its_column(entity: Any) -> None:
    assert [column_name(column.name) for column in entity.columns] == [
        column.name for column in entity.columns
    ]
