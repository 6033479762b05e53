"""Settings: where they come from, which place wins, and what is refused."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.ordergroove.cli.options import OF_FILES, OF_RECEIVER, OF_RUN, OF_WAREHOUSE
from pipelines.ordergroove.settings import (
    LOCAL_CHUNK_SECONDS,
    REMOTE_CHUNK_SECONDS,
    Settings,
    load,
    rows_for_help,
    table_markdown,
)
from pipelines.ordergroove.settings_table import BY_NAME, ROWS, URLS
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError

KEY = "s3cr3t-key"
DATASETS = {
    "flag": "from_flag",
    "variable": "from_variable",
    "secrets": "from_secrets",
    "config": "from_config",
    "home secrets": "from_home_secrets",
    "home config": "from_home_config",
}
"""Every place that a setting can come from, the strongest first, each with a value of its own."""


class Place:
    """A project and a home directory, empty at first."""

    def __init__(self, directory: Path) -> None:
        self.cwd, self.home = directory / "project", directory / "home"
        self.cwd.mkdir()
        self.home.mkdir()

    def write(self, place: str, **lines: str) -> None:
        directory = self.home if place.startswith("home") else self.cwd
        file = directory / ".dlt" / f"{place.removeprefix('home ')}.toml"
        file.parent.mkdir(exist_ok=True)
        told = [f'{name} = "{value}"' for name, value in lines.items()]
        file.write_text("\n".join(["[sources.ordergroove]", *told]))

    def load(
        self, flags: Mapping[str, str | None] | None = None, **variables: str | None
    ) -> Settings:
        environ = {f"ORDERGROOVE_{k.upper()}": v for k, v in variables.items() if v is not None}
        return load(flags or {}, environ, self.cwd, self.home)

    def refusal(self, **variables: str) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            self.load({}, **variables)
        assert caught.value.exit_code == 2
        assert "Nothing was written" in caught.value.state
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_any_setting_the_defaults_hold(place: Place) -> None:
    settings = place.load()

    assert settings.api_key is None
    assert settings.url == "https://restapi.ordergroove.com"
    assert settings.destination == "duckdb:///warehouse.duckdb"
    assert settings.dataset == "ordergroove"
    assert settings.entities == tuple(ENTITIES)
    assert settings.state_dir == place.cwd / ".ordergroove"
    assert settings.timezone == "America/New_York"
    assert settings.overlap == timedelta(hours=2)
    assert settings.publish is None
    assert settings.log_format == "text"
    assert settings.read_timeout == timedelta(minutes=2)
    assert settings.whole_read_every == timedelta(0)
    assert {*settings.where.values()} == {"default"}


@pytest.mark.parametrize("number", range(len(DATASETS)), ids=list(DATASETS))
def test_the_strongest_place_that_says_something_wins(place: Place, number: int) -> None:
    said = dict(list(DATASETS.items())[number:])
    for name in ("secrets", "config", "home secrets", "home config"):
        if name in said:
            place.write(name, dataset=said[name])

    settings = place.load({"dataset": said.get("flag")}, dataset=said.get("variable"))

    assert settings.dataset == next(iter(said.values()))


@pytest.mark.parametrize(
    ("place_of_it", "told"),
    [
        ("flag", "--dataset"),
        ("variable", "ORDERGROOVE_DATASET"),
        ("secrets", ".dlt/secrets.toml"),
        ("home config", "~/.dlt/config.toml"),
    ],
)
def test_where_a_value_came_from_is_known(place: Place, place_of_it: str, told: str) -> None:
    if place_of_it in ("flag", "variable"):
        given = {place_of_it: "shop"}
        settings = place.load({"dataset": given.get("flag")}, dataset=given.get("variable"))
    else:
        place.write(place_of_it, dataset="shop")
        settings = place.load()
    assert settings.where["dataset"] == told


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_counts_as_none(place: Place, empty: str) -> None:
    place.write("config", dataset="shop")
    assert place.load(dataset=empty).dataset == "shop"


@pytest.mark.parametrize("file", ["secrets", "config"])
def test_the_key_may_stand_in_either_file(place: Place, file: str) -> None:
    place.write(file, api_key=KEY)
    assert place.load().need_api_key() == KEY


def test_without_a_key_the_message_says_where_to_write_it(place: Place) -> None:
    with pytest.raises(ConfigError, match="no API key") as caught:
        place.load().need_api_key()
    assert ".dlt/secrets.toml" in caught.value.do
    assert "ORDERGROOVE_API_KEY" in caught.value.do


def test_no_flag_takes_the_key(place: Place) -> None:
    assert BY_NAME["api_key"].flag is None
    with pytest.raises(ValueError, match="api_key"):
        place.load({"api_key": KEY})


def test_settings_show_neither_key_nor_password(place: Place) -> None:
    settings = place.load(api_key=KEY, destination="postgresql://ann:hush@host/db?password=hush")

    seen = f"{settings} {settings!r} {settings.where}"
    assert KEY not in seen
    assert "hush" not in seen
    assert settings.destination_shown == "postgresql://ann@host/db"


def test_a_key_that_does_not_fit_is_not_shown(place: Place) -> None:
    assert "s3cr3t" not in str(place.refusal(api_key="s3cr3t key"))


def test_an_unknown_variable_is_refused_with_the_known_ones_and_the_likely_one(
    place: Place,
) -> None:
    error = place.refusal(overlapp="3h")
    assert "ORDERGROOVE_OVERLAPP is no setting (did you mean 'ORDERGROOVE_OVERLAP'?)" in error.what
    for row in ROWS:
        assert row.variable in error.do


def test_a_mistyped_variable_is_refused_without_its_value(place: Place) -> None:
    assert KEY not in str(place.refusal(apikey=KEY))


def test_variables_of_others_are_none_of_our_business(place: Place) -> None:
    environ = {"PATH": "/bin", "DLT_DATA_DIR": "x", "MY_ORDERGROOVE_KEY": "x"}
    assert load({}, environ, place.cwd, place.home).api_key is None


def test_an_unknown_key_in_a_file_is_refused(place: Place) -> None:
    place.write("config", timezon="UTC")
    error = place.refusal()
    assert "did you mean 'timezone'?" in error.what
    assert "duckdb_threads" in error.do


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("environment", "stage", "staging"),
        ("base_url", "http://restapi.ordergroove.com", "in the clear"),
        ("base_url", "ftp://127.0.0.1", "https"),
        ("entities", "order", "did you mean 'orders'?"),
        ("dataset", "My-Shop", "lower-case"),
        ("timezone", "EDT5", "America/New_York"),
        ("overlap", "90m", "2h"),
        ("overlap", "soon", "no duration"),
        ("log_format", "xml", "text, json"),
        ("read_timeout", "0s", "too short"),
        ("duckdb_threads", "0", "1 to 256"),
        ("duckdb_memory_limit", "much", "128MB"),
        ("chunk_seconds", "-1", "above 0"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(
    place: Place, name: str, value: str, word: str
) -> None:
    error = place.refusal(**{name: value})
    assert error.what.startswith(f"{name} (from ORDERGROOVE_{name.upper()}): ")
    assert word in f"{error.what} {error.do}"


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost", "[::1]:8400"])
def test_plain_http_goes_to_the_own_machine(place: Place, host: str) -> None:
    assert place.load(base_url=f"http://{host}/").url == f"http://{host}"


def test_an_address_wins_over_the_environment(place: Place) -> None:
    assert place.load(environment="staging").url == URLS["staging"]
    assert place.load(environment="staging", base_url="https://og.example").url == (
        "https://og.example"
    )


def test_paths_are_meant_from_the_working_directory_and_a_tilde_is_the_home(place: Place) -> None:
    settings = place.load({"publish": "bi/copy.duckdb", "state_dir": "~/scratch"})
    assert settings.publish == place.cwd / "bi" / "copy.duckdb"
    assert settings.state_dir == place.home / "scratch"
    assert place.load({"state_dir": "/srv/og"}).state_dir == Path("/srv/og")


@pytest.mark.parametrize("state_dir", [".", "..", "~", "/", "sub/.."])
def test_a_state_directory_that_holds_somebodys_files_is_refused(
    place: Place, state_dir: str
) -> None:
    assert "each run empties it" in place.refusal(state_dir=state_dir).what


@pytest.mark.parametrize(
    ("destination", "seconds"),
    [
        ("duckdb:///warehouse.duckdb", LOCAL_CHUNK_SECONDS),
        ("sqlite:///file.db", LOCAL_CHUNK_SECONDS),
        ("duckdb:///md:shop", REMOTE_CHUNK_SECONDS),
        ("postgresql://host/db", REMOTE_CHUNK_SECONDS),
    ],
)
def test_chunks_are_short_only_where_loading_is_cheap(
    place: Place, destination: str, seconds: float
) -> None:
    assert place.load(destination=destination).chunk_seconds == seconds
    assert place.load(destination=destination, chunk_seconds="7").chunk_seconds == 7


def test_the_keys_of_webhooks_are_several_and_shown_to_nobody(place: Place) -> None:
    settings = place.load(webhook_keys=" whk_new,\nwhk_old ")

    assert settings.webhook_keys is not None
    assert [key.reveal() for key in settings.webhook_keys] == ["whk_new", "whk_old"]
    assert "whk" not in f"{settings}"
    assert "whk" not in str(place.refusal(webhook_keys="whk_\x07bell"))


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("sqlite:///events.db", "project/events.db"),
        ("sqlite:///~/events.db", "home/events.db"),
        ("sqlite:////srv/events.db", "/srv/events.db"),
    ],
)
def test_a_file_of_webhooks_is_meant_from_the_working_directory(
    place: Place, text: str, file: str
) -> None:
    inbox = place.load(inbox=text).inbox

    assert inbox is not None
    assert inbox.file == place.cwd.parent / file


def test_an_inbox_can_be_a_server_or_nothing(place: Place) -> None:
    inbox = place.load(inbox="postgresql://me:s3cr3t@db/events").inbox

    assert inbox is not None
    assert inbox.shown == "postgresql://me@db/events"
    assert "s3cr3t" not in f"{inbox}"
    assert place.load(inbox="none").inbox is None
    assert "s3cr3t" not in str(place.refusal(inbox="oracle://me:s3cr3t@db/events"))


@pytest.mark.parametrize(("text", "count"), [("8MB", 8_000_000), ("1 KiB", 1024), ("5000", 5000)])
def test_a_limit_of_size_is_read(place: Place, text: str, count: int) -> None:
    assert place.load(webhook_body_limit=text).webhook_body_limit == count


@pytest.mark.parametrize("text", ["0", "10", "8XB", "-5MB", "9TB", "lots"])
def test_a_limit_that_is_no_size_is_refused(place: Place, text: str) -> None:
    assert "8MB" in place.refusal(webhook_body_limit=text).do


def test_every_row_of_the_table_is_a_setting_and_the_other_way_round() -> None:
    assert {row.name for row in ROWS} == {field.name for field in fields(Settings)} - {"where"}


def test_every_default_fits_its_own_setting() -> None:
    for row in ROWS:
        if row.default is not None:
            row.parse(row.default)


def test_every_setting_with_a_flag_can_be_given_to_a_run_or_names_what_is_read() -> None:
    assert {*OF_RUN, *OF_RECEIVER, *OF_FILES, "entities"} == {row.name for row in ROWS if row.flag}
    assert {*OF_WAREHOUSE} <= {*OF_RUN}


def test_help_and_table_show_each_setting_with_its_variable() -> None:
    told, table = rows_for_help(), table_markdown().splitlines()
    assert len(told) == len(table) - 2 == len(ROWS)
    for row, (names, default, text), line in zip(ROWS, told, table[2:], strict=True):
        assert names.endswith(row.variable)
        assert default == (row.default or row.default_shown or "-")
        assert text == row.help
        assert line.startswith(f"| `{row.name}` | `{row.variable}` |")
        assert line.count(" | ") == table[0].count(" | ")
