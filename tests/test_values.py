"""Texts of settings: what they become, and what is said of those that fit nothing."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.ordergroove import values
from pipelines.ordergroove.values import Secret, UnfitError

two_hours = values.duration(least=timedelta(hours=2), why="the clock may change")
any_span = values.duration()


def refusal(parse: Callable[[str], object], text: str) -> UnfitError:
    with pytest.raises(UnfitError) as caught:
        parse(text)
    return caught.value


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    @dataclass(frozen=True)
    class Holder:
        key: Secret

    holder = Holder(Secret("hush"))
    seen = f"{holder} {holder!r} {asdict(holder)} {holder.key} {holder.key!s:>20}"
    assert "hush" not in seen
    assert holder.key.reveal() == "hush"
    assert holder == Holder(Secret("hush"))
    assert holder != Holder(Secret("loud"))


@pytest.mark.parametrize("text", ["abc123", " abc123\n", "\tabc123\r\n"])
def test_a_key_loses_the_space_around_it(text: str) -> None:
    assert values.api_key(text).reveal() == "abc123"


@pytest.mark.parametrize("text", ["", " ", "ab c", "ab\nc", "abç", "ab\x7fc", "ab\u200bc", "a\0c"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(text: str) -> None:
    fault = refusal(values.api_key, text)
    if text.strip():
        assert text not in fault.wrong + fault.instead


@given(st.text(min_size=4).filter(lambda text: text.strip() and not text.isascii()))
@example("schlüssel")
def test_no_key_is_ever_part_of_a_refusal(text: str) -> None:
    fault = refusal(values.api_key, f"k{text}k")
    assert text not in fault.wrong + fault.instead


def test_a_word_out_of_a_few_is_refused_with_those_few_and_the_likely_one() -> None:
    fault = refusal(values.choice("production", "staging"), "Stagign")
    assert fault.wrong == "'Stagign' is not known (did you mean 'staging'?)"
    assert fault.instead == "Write one of: production, staging."


def test_names_come_back_once_each_and_in_the_known_order() -> None:
    names = values.names_among(["a", "b", "c"])
    assert names(" c, a,,c ") == ("a", "c")
    assert names("all") == names("b,all") == ("a", "b", "c")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    fault = refusal(values.names_among(["items", "orders"]), "items,order")
    assert fault.wrong == "unknown name 'order' (did you mean 'orders'?)"
    assert "items, orders" in fault.instead


@pytest.mark.parametrize("text", ["", " , "])
def test_an_empty_list_of_names_is_not_taken_for_all(text: str) -> None:
    refusal(values.names_among(["a"]), text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://restapi.ordergroove.com", "https://restapi.ordergroove.com"),
        ("https://restapi.ordergroove.com/", "https://restapi.ordergroove.com"),
        ("HTTPS://RestApi.Example:8443", "https://restapi.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_becomes_scheme_host_and_port(text: str, url: str) -> None:
    assert values.base_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://restapi.ordergroove.com",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://128.0.0.1",
        "http://0.0.0.0",
        "http://127.1",
        "http://[::2]",
        "http://localhost@evil.example",
    ],
)
def test_plain_http_leaves_the_machine_never(text: str) -> None:
    refusal(values.base_url, text)


@pytest.mark.parametrize(
    "text",
    [
        "restapi.ordergroove.com",
        "ftp://restapi.ordergroove.com",
        "https://",
        "https:///orders/",
        "https://host/orders/",
        "https://host?x=1",
        "https://host/#x",
        "https://host:port",
        "https://host:99999",
        "https://ho st",
        "https://ho\tst",
        "https://host\\@evil.example",
        "https://[::1",
        "",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    refusal(values.base_url, text)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    fault = refusal(values.base_url, "https://me:hunter2@host")
    assert "user name or password" in fault.wrong
    assert "hunter2" not in fault.wrong + fault.instead


@pytest.mark.parametrize(
    "text",
    [
        "duckdb:///warehouse.duckdb",
        "duckdb:///C:/my files/w.duckdb",
        "postgresql+psycopg://me:p@host:5432/shop?sslmode=require",
        "md:shop",
        "my_destination",
    ],
)
def test_an_address_or_a_name_is_a_destination(text: str) -> None:
    assert values.destination(f" {text}\n") == text


@pytest.mark.parametrize("text", ["", "//host", "my shop", "warehouse.duckdb", "secret@host"])
def test_what_can_be_no_destination_is_refused_and_not_repeated(text: str) -> None:
    fault = refusal(values.destination, text)
    assert not text or text not in fault.wrong


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("duckdb:///warehouse.duckdb", "duckdb:///warehouse.duckdb"),
        ("postgresql://me:hush@host:5432/shop", "postgresql://me@host:5432/shop"),
        ("postgresql://me:hu/s#h?@@host/shop", "postgresql://me@host/shop"),
        ("postgresql://host/shop?password=hush", "postgresql://host/shop"),
        ("duckdb:///md:shop?motherduck_token=hush", "duckdb:///md:shop"),
        ("md:shop?motherduck_token=hush", "md:shop"),
        ("my_destination", "my_destination"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert values.without_secrets(address) == shown


@pytest.mark.parametrize("text", ["ordergroove", "og2", "shop_us_1"])
def test_a_plain_name_is_a_dataset(text: str) -> None:
    assert values.dataset(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "Shop", "1shop", "_shop", "shop_", "my__shop", "my-shop", "s.t", "shöp", "a" * 56],
)
def test_a_dataset_that_a_warehouse_would_rename_is_refused(text: str) -> None:
    refusal(values.dataset, text)


def test_the_loaders_own_staging_dataset_is_refused() -> None:
    assert "staging" in refusal(values.dataset, "ordergroove_staging").wrong


@pytest.mark.parametrize("text", ["America/New_York", "America/Chicago", "UTC"])
def test_a_known_zone_is_taken(text: str) -> None:
    assert values.zone(text) == text


@pytest.mark.parametrize(
    "text", ["", "America", "Nowhere/At_All", "../etc/passwd", "/etc/localtime"]
)
def test_an_unknown_zone_is_refused(text: str) -> None:
    refusal(values.zone, text)


def test_a_mistyped_zone_is_answered_with_the_likely_one() -> None:
    assert "'America/New_York'" in refusal(values.zone, "America/NewYork").wrong


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2h", timedelta(hours=2)),
        ("120m", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1d 2h", timedelta(hours=26)),
        ("2.5h", timedelta(minutes=150)),
        ("PT2H", timedelta(hours=2)),
        ("P1DT2H30M", timedelta(hours=26, minutes=30)),
        ("P1W", timedelta(days=7)),
        (" 2H ", timedelta(hours=2)),
    ],
)
def test_a_duration_is_read_in_either_spelling(text: str, span: timedelta) -> None:
    assert two_hours(text) == span


@pytest.mark.parametrize(
    "text",
    ["", "2", "h", "2 hours", "-2h", "2h-1m", "P", "PT", "P1M", "P2H", "1e3h", "٢h", "2h,1m"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert "no duration" in refusal(any_span, text).wrong


@pytest.mark.parametrize("text", ["0", "0s", "1h59m59s", "PT1H"])
def test_a_duration_below_the_least_is_refused_with_the_reason(text: str) -> None:
    fault = refusal(two_hours, text)
    assert "the clock may change" in fault.wrong
    assert fault.instead == "Write 2h or more."


def test_zero_is_a_duration_where_nothing_forbids_it() -> None:
    assert any_span("0") == timedelta(0)


@pytest.mark.parametrize("text", ["3651d", "9" * 400 + "d"])
def test_a_duration_beyond_all_calendars_is_refused(text: str) -> None:
    assert refusal(any_span, text).instead == "Write 3650d or less."


@given(st.integers(2, 5000), st.sampled_from("hdw"))
def test_every_duration_is_its_number_times_its_unit(count: int, unit: str) -> None:
    span = timedelta(seconds=count * values.SECONDS_OF[unit])
    if span <= values.LONGEST:
        assert two_hours(f"{count}{unit}") == span


@pytest.mark.parametrize(("text", "count"), [("1", 1), (" 8 ", 8)])
def test_a_whole_number_is_read(text: str, count: int) -> None:
    assert values.whole_number(least=1, most=8)(text) == count


@pytest.mark.parametrize("text", ["", "0", "9", "2.5", "-1", "two", "1_0", "٢", "9" * 5000])
def test_what_is_no_whole_number_of_the_range_is_refused(text: str) -> None:
    refusal(values.whole_number(least=1, most=8), text)


@pytest.mark.parametrize(("text", "count"), [("5", 5.0), ("0.5", 0.5), ("60s", 60.0)])
def test_seconds_are_read_with_and_without_their_unit(text: str, count: float) -> None:
    assert values.seconds(text) == count


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "3601", "5m"])
def test_what_is_no_sensible_number_of_seconds_is_refused(text: str) -> None:
    refusal(values.seconds, text)


@pytest.mark.parametrize("text", ["128MB", "1.5GiB", "512 mb"])
def test_a_size_is_taken_as_duckdb_writes_it(text: str) -> None:
    assert values.memory(text) == text


@pytest.mark.parametrize("text", ["", "128", "0MB", "lots", "128MB; drop", "80%"])
def test_what_is_no_size_is_refused(text: str) -> None:
    refusal(values.memory, text)


def test_a_copy_is_published_nowhere_unless_a_path_is_named() -> None:
    assert values.path_or_none("None") is None
    assert values.path_or_none("out/read.duckdb") == Path("out/read.duckdb")


@pytest.mark.parametrize("parse", [values.path, values.path_or_none])
def test_an_empty_path_is_not_taken_for_the_working_directory(
    parse: Callable[[str], object],
) -> None:
    refusal(parse, " ")
