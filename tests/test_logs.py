"""Where log lines go, and which of them."""

import io
import json
import logging
import warnings

import pytest
from rich.console import Console

from pipelines.ordergroove.logs import set_up

OURS = logging.getLogger("pipelines.ordergroove.tested")


def test_as_text_a_line_has_its_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format="text", debug=False, console=None)
    OURS.info("orders: %s", "done")
    assert capsys.readouterr().err.endswith(" INFO orders: done\n")


def test_as_json_a_line_is_one_object_with_what_it_adds(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format="json", debug=False, console=None)
    OURS.warning("orders:\n%s", "odd", extra={"entity": "orders", "rows": 3})

    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told.pop("timestamp").endswith("+00:00")
    assert told == {
        "level": "WARNING",
        "logger": OURS.name,
        "message": "orders:\nodd",
        "entity": "orders",
        "rows": 3,
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_pages_are_told_only_to_those_who_debug(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    set_up(log_format=log_format, debug=False, console=None)
    OURS.debug("a page")
    assert capsys.readouterr().err == ""
    set_up(log_format=log_format, debug=True, console=None)
    OURS.debug("a page")
    assert "a page" in capsys.readouterr().err


def test_beside_live_lines_only_warnings_are_shown_and_as_they_are() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=20)
    set_up(log_format="text", debug=False, console=console)
    OURS.info("orders: done")
    OURS.warning("orders: [red]%s[/red] and more than a line holds", "odd")

    assert isinstance(console.file, io.StringIO)
    told = console.file.getvalue()
    assert told == "WARNING orders: [red]odd[/red] and more than a line holds\n"


@pytest.mark.parametrize("debug", [False, True])
def test_addresses_with_their_cursors_are_told_to_nobody(
    capsys: pytest.CaptureFixture[str], debug: bool
) -> None:
    set_up(log_format="text", debug=debug, console=None)
    logging.getLogger("httpx").info("GET https://host/orders/?cursor=s3cr3t")
    assert "s3cr3t" not in capsys.readouterr().err


def test_other_libraries_are_heard_when_they_warn(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format="text", debug=True, console=None)
    logging.getLogger("other").info("chatter")
    logging.getLogger("other").warning("trouble")
    told = capsys.readouterr().err
    assert "chatter" not in told
    assert "trouble" in told


def test_warnings_of_python_are_for_those_who_debug(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format="text", debug=False, console=None)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("deprecated", stacklevel=1)
    assert capsys.readouterr().err == ""


def test_setting_up_again_tells_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        set_up(log_format="text", debug=False, console=None)
    OURS.info("once")
    assert capsys.readouterr().err.count("once") == 1
