"""JSON text that loses nothing, and that every warehouse takes."""

import json
import math
import sys
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.ordergroove.exact import (
    Digits,
    dumped,
    escaped,
    exact_document,
    exactly_parsed,
    holds_float,
    kept_text,
    mended,
)
from sources.ordergroove.page import document_of
from tests.json_values import PATIENT, original, read, same, texts, values

NUL, LONE = "a\x00b", "a\ud800b"


@PATIENT
@given(values)
@example({"a": [Decimal("0.10"), 2**64, {"b": LONE, NUL: None}]})
@example([Decimal("1E+999"), Decimal("-0.0")])
def test_json_text_means_what_was_given(value: Any) -> None:
    assert same(value, read(dumped(value)))


@PATIENT
@given(st.one_of(texts, values))
def test_mended_text_holds_nothing_that_a_warehouse_refuses(value: Any) -> None:
    text = mended(dumped(value))
    text.encode()
    with duckdb.connect() as connection:
        row = connection.execute("select ?::json::text", [text]).fetchone()
    assert row == (text,)


@PATIENT
@given(values)
def test_mending_changes_no_text_that_is_well(value: Any) -> None:
    text = json.dumps(value, default=str)
    if not any(ill in dumped(value) for ill in ("\\u0000", "\\ud", "\\uD")):
        assert mended(text) == text


@pytest.mark.parametrize(
    ("sent", "well"),
    [
        (r'"a\u0000b"', '"a\ufffdb"'),
        (r'"a\ud800b"', '"a\ufffdb"'),
        (r'"\uDC00"', '"\ufffd"'),
        # two first halves, and a pair after one
        (r'"\ud800\ud800"', '"\ufffd\ufffd"'),
        (r'"\ud800\ud83d\ude00"', '"\ufffd\\ud83d\\ude00"'),
        (r'"\uD83D\uDE00"', r'"\uD83D\uDE00"'),
        # a backslash and the letters behind it
        (r'"\\u0000"', r'"\\u0000"'),
        (r'"\\\u0000"', '"\\\\\ufffd"'),
        (r'"\u00000"', '"\ufffd0"'),
        (r'"\ud7ff\ue000"', r'"\ud7ff\ue000"'),
    ],
)
def test_only_what_is_ill_is_replaced(sent: str, well: str) -> None:
    assert mended(sent) == well


@PATIENT
@given(st.dictionaries(texts, values, max_size=5))
@example({NUL: NUL, '"a\\u0000b"': '"a\\u0000b"', "plain": [LONE]})
def test_what_is_kept_can_be_read_back_name_for_name(fields: dict[str, Any]) -> None:
    text = kept_text(fields)
    text.encode()
    assert mended(text) == text
    back = {original(name): original(value) for name, value in read(text).items()}
    assert same(fields, back)


def test_a_value_without_odd_characters_is_kept_as_it_is() -> None:
    assert escaped({"a": "b"}) == {"a": "b"}
    assert escaped(NUL) == r'"a\u0000b"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([-0.0, 5e-324, 0.1], "[-0.0,5e-324,0.1]"),
        (math.nan, '"NaN"'),
        ([math.inf, None], '["Infinity",null]'),
        ({"a": -math.inf}, '{"a":"-Infinity"}'),
        ([Decimal("NaN"), Decimal("1.50")], '["NaN",1.50]'),
        ({"a": 2**64, "b": math.nan}, '{"a":18446744073709551616,"b":"NaN"}'),
        ([Digits("1e99999999999999999999")], "[1e99999999999999999999]"),
        ([Digits("7" * 5000), LONE], "[" + "7" * 5000 + r',"a\ud800b"]'),
        ({}, "{}"),
        ([LONE, [], {}], r'["a\ud800b",[],{}]'),
    ],
)
def test_what_json_has_no_number_for_becomes_text(value: Any, text: str) -> None:
    assert dumped(value) == text


def test_a_text_that_says_null_is_not_taken_for_a_number_that_is_none() -> None:
    assert dumped(["null", None, "NaN"]) == '["null",null,"NaN"]'


def test_depth_has_no_limit() -> None:
    deep: Any = LONE
    for _ in range(5 * sys.getrecursionlimit()):
        deep = [deep]
    assert dumped(deep).count("[") == 5 * sys.getrecursionlimit()


@pytest.mark.parametrize("sent", ["1.5", "1e22", "-0.0", "18446744073709551616", "0.10"])
def test_a_number_that_went_through_a_double_is_noticed(sent: str) -> None:
    for body in (f"[{sent}]", f'[{{"a":{sent}}}]', f"[[1,{sent}]]"):
        assert holds_float(document_of(body.encode()))  # type: ignore[arg-type]


def test_whole_numbers_and_texts_are_no_double() -> None:
    assert not holds_float([1, -(2**63), 2**64 - 1, "1.5", None, True, [], {"1.5": "e"}])


@PATIENT
@given(
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)
def test_a_number_keeps_every_digit_on_its_way_through(sent: str) -> None:
    records = exactly_parsed(f'{{"results":[{sent}]}}'.encode())
    assert records is not None
    assert Decimal(dumped(records[0])) == Decimal(sent)


@pytest.mark.parametrize("digits", ["7" * 5000, "-" + "7" * 5000, "1e" + "9" * 19])
def test_a_number_beyond_all_types_is_still_read_and_written(digits: str) -> None:
    document = document_of(f'[{{"a": {digits}}}]'.encode())
    assert document == [{"a": Digits(digits)}]
    assert dumped(document) == f'[{{"a":{digits}}}]'


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b'{"results": [{"a": 1.10}]}', [{"a": Decimal("1.10")}]),
        (b'[{"a": 1.10}]', [{"a": Decimal("1.10")}]),
        (b'{"a": 1.10}', [{"a": Decimal("1.10")}]),
        (b'{"results": 1}', None),
        (b"1", None),
        (b'{"results": [', None),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_the_records_are_found_in_every_shape_of_an_answer(
    body: bytes, records: list[Any] | None
) -> None:
    assert exactly_parsed(body) == records


def test_a_body_that_is_no_text_is_read_with_marks_in_place_of_what_is_broken() -> None:
    assert exact_document(b'["a\xffb"]') == ["a\ufffdb"]
