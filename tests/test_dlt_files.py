"""Our section in dlt's own files: what is read, which file wins, and what is refused."""

from pathlib import Path

import pytest

from pipelines.ordergroove.dlt_files import Section, sections_in
from sources.ordergroove.errors import ConfigError

KNOWN = ("api_key", "dataset", "entities", "overlap", "duckdb_threads")
HEAD = "[sources.ordergroove]\n"


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(directory: Path, file: str, text: str | bytes) -> None:
    path = directory / ".dlt" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def read(cwd: Path, home: Path) -> list[Section]:
    return sections_in(cwd, home, known=KNOWN)


def refusal(cwd: Path, home: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(cwd, home)
    assert "Nothing was written" in caught.value.state
    return caught.value


def test_files_that_are_not_there_say_nothing(cwd: Path, home: Path) -> None:
    assert [section.texts for section in read(cwd, home)] == [{}, {}, {}, {}]


def test_secrets_come_before_config_and_the_project_before_the_home(cwd: Path, home: Path) -> None:
    assert [section.label for section in read(cwd, home)] == [
        ".dlt/secrets.toml",
        ".dlt/config.toml",
        "~/.dlt/secrets.toml",
        "~/.dlt/config.toml",
    ]


def test_a_project_in_the_home_directory_is_read_once(home: Path) -> None:
    labels = [section.label for section in read(home, home)]
    assert labels == [".dlt/secrets.toml", ".dlt/config.toml"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('dataset = " shop "', "shop"),
        ("duckdb_threads = 4", "4"),
        ('entities = ["orders", "items"]', "orders,items"),
        ("entities = []", None),
        ('dataset = ""', None),
        ("dataset = true", "True"),
    ],
)
def test_values_become_what_somebody_would_write_in_a_variable(
    cwd: Path, home: Path, line: str, text: str | None
) -> None:
    write(cwd, "config.toml", HEAD + line)
    assert [*read(cwd, home)[1].texts.values()] == ([] if text is None else [text])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "[sources]\nother = 1",
        "[sources.ordergroove]",
        '[sources.shopify]\nanything = "goes"',
        '[runtime]\nlog_level = "INFO"',
    ],
)
def test_what_is_meant_for_others_is_left_to_them(cwd: Path, home: Path, text: str) -> None:
    write(cwd, "config.toml", text)
    assert read(cwd, home)[1].texts == {}


def test_an_unknown_key_is_refused_with_the_known_ones_and_the_likely_one(
    cwd: Path, home: Path
) -> None:
    write(home, "config.toml", HEAD + "overlaps = 3")
    error = refusal(cwd, home)
    assert error.what == (
        "~/.dlt/config.toml: the key 'overlaps' in [sources.ordergroove] is no setting"
        " (did you mean 'overlap'?)."
    )
    assert error.do == f"Remove it, or use one of: {', '.join(KNOWN)}."


@pytest.mark.parametrize("text", ["sources = 1", "[sources]\nordergroove = 'x'"])
def test_a_section_that_is_no_table_is_refused(cwd: Path, home: Path, text: str) -> None:
    write(cwd, "config.toml", text)
    assert "[sources.ordergroove] is no table" in refusal(cwd, home).what


@pytest.mark.parametrize("value", ["2026-01-01", "{a = 1}", "[1, 2]", "[['a']]"])
def test_a_value_of_another_type_is_refused(cwd: Path, home: Path, value: str) -> None:
    write(cwd, "config.toml", f"{HEAD}dataset = {value}")
    assert "'dataset' is neither a text nor a number" in refusal(cwd, home).what


def test_broken_toml_is_refused_by_its_place_and_without_its_text(cwd: Path, home: Path) -> None:
    write(cwd, "secrets.toml", HEAD + "api_key = s3cr3t")
    error = refusal(cwd, home)
    assert error.what == ".dlt/secrets.toml is no valid TOML (line 2, column 11)."
    assert "s3cr3t" not in str(error)


def test_a_file_that_ends_too_early_is_refused(cwd: Path, home: Path) -> None:
    write(cwd, "secrets.toml", HEAD + 'api_key = """s3cr3t')
    error = refusal(cwd, home)
    assert "no valid TOML" in error.what
    assert "s3cr3t" not in str(error)


def test_a_key_that_stands_twice_is_refused_without_being_shown(cwd: Path, home: Path) -> None:
    write(cwd, "secrets.toml", HEAD + 'api_key = "s3cr3t"\napi_key = "s3cr3t"')
    assert "s3cr3t" not in str(refusal(cwd, home))


def test_the_mark_that_some_editors_begin_a_file_with_is_no_fault(cwd: Path, home: Path) -> None:
    write(cwd, "config.toml", b"\xef\xbb\xbf" + (HEAD + 'dataset = "shop"').encode())
    assert read(cwd, home)[1].texts == {"dataset": "shop"}


def test_a_file_that_is_not_utf_8_is_refused(cwd: Path, home: Path) -> None:
    write(cwd, "config.toml", (HEAD + 'dataset = "caf\xe9"').encode("latin-1"))
    assert "not written in UTF-8" in refusal(cwd, home).what


def test_a_file_that_cannot_be_read_is_refused(cwd: Path, home: Path) -> None:
    (cwd / ".dlt" / "config.toml").mkdir(parents=True)
    assert "can not be read" in refusal(cwd, home).what


def test_a_directory_that_is_a_file_is_refused(cwd: Path, home: Path) -> None:
    cwd.mkdir()
    (cwd / ".dlt").write_text("")
    assert "can not be read" in refusal(cwd, home).what
