"""The state as dlt writes it, read without dlt."""

import base64
import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.ordergroove.errors import ConfigError
from state.ordergroove.stored import decoded, resources_in

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def encoded(state: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def of(resources: Any) -> dict[str, Any]:
    return {"sources": {"ordergroove": {"resources": resources}, "other": {"resources": {"x": {}}}}}


def test_the_position_of_each_entity_comes_out_of_the_text() -> None:
    resources = {"orders": {"watermark": "2026-06-10T14:00:00+00:00"}, "items": {}}
    assert resources_in(decoded(encoded(of(resources)))) == resources


@pytest.mark.parametrize("state", [{}, {"sources": None}, {"sources": {"ordergroove": {}}}, of({})])
def test_before_the_first_load_there_are_no_positions(state: dict[str, Any]) -> None:
    assert resources_in(state) == {}


@pytest.mark.parametrize(
    "text",
    ["", "no base64!", "aGVsbG8=", encoded([1]), encoded(None), encoded("text"), None],
)
def test_a_text_that_dlt_did_not_write_is_refused_with_a_remedy(text: Any) -> None:
    with pytest.raises(ConfigError, match="not readable") as caught:
        decoded(text)
    assert "backup" in caught.value.do


@given(st.text())
def test_no_text_at_all_is_a_crash(text: str) -> None:
    with suppress(ConfigError):
        decoded(text)


@pytest.mark.parametrize("state", [{"sources": [1]}, of(["x"]), of({"orders": 5}), of("text")])
def test_a_state_of_another_shape_is_refused_with_a_remedy(state: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="not readable"):
        resources_in(state)


@given(JSON)
def test_no_state_at_all_is_a_crash(resources: Any) -> None:
    with suppress(ConfigError):
        resources_in(of(resources))
