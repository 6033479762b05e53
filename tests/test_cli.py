"""The command line against the contract: verbs, flags, help, and what comes of bad usage."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner, Result

from pipelines.ordergroove.cli import cli
from pipelines.ordergroove.settings_table import ROWS

CONTRACT = {
    "sync": {
        "--full-refresh",
        "--since",
        "--dry-run",
        "--no-sweep",
        "--accept-deletions",
        "--lock-timeout",
        "--json",
    },
    "backfill": {"--from", "--to", "--slice", "--newest-first", "--lock-timeout", "--json"},
    "reconcile": {"--since", "--deep", "--fix", "--json"},
    "check": {"--json"},
    "status": {"--max-age", "--json"},
    "describe": {"--markdown", "--json"},
    "demo": set(),
    "sandbox": {"--port", "--seed", "--customers", "--zone", "--webhooks", "--files"},
    "query": {"--csv", "--parquet", "--json"},
    "views": set(),
    "views apply": {"--materialize", "--json"},
    "views test": {"--json"},
    "views sql": {"--dialect"},
    "report": {"--to", "--json"},
    "schedule": {"--at", "--lock-timeout", "--json"},
    "webhooks": set(),
    "webhooks serve": {"--host", "--port"},
    "webhooks load": {"--lock-timeout", "--json"},
    "webhooks tail": {"--lines", "--follow", "--json"},
    "webhooks replay": {"--json"},
    "forget": {"--lock-timeout", "--json"},
    "graphql": {"--variables", "--dry-run", "--json"},
    "files": set(),
    "files load": {"--accept-unended", "--lock-timeout", "--json"},
    "canary": {"--environment", "--product", "--keep", "--wait", "--json"},
}
"""Verbs and the flags that others build on. Source: design, section 8."""

BACKFILL = ["backfill", "--from", "2023-01-01", "--to", "2025-01-01"]
OF_WAREHOUSE = {"--destination", "--dataset"}
OF_RECEIVER = {"--inbox", "--webhook-tolerance", "--webhook-body-limit"}
OF_FILES = {"--sftp-identity", "--sftp-known-hosts", "--sftp-fingerprint", "--sftp-settle"}
OF_RUN = {f"{row.flag}" for row in ROWS if row.flag} - OF_RECEIVER - OF_FILES | {"--inbox"}
SETTINGS = {
    "sync": OF_RUN,
    "backfill": OF_RUN,
    "schedule": OF_RUN,
    "check": OF_RUN,
    "reconcile": OF_RUN,
    "status": OF_WAREHOUSE,
    "query": OF_WAREHOUSE,
    "forget": OF_WAREHOUSE | {"--inbox", "--publish"},
    "report": OF_WAREHOUSE,
    "views apply": OF_WAREHOUSE,
    "views test": OF_WAREHOUSE,
    "views sql": {"--dataset"},
    "files load": OF_WAREHOUSE | OF_FILES,
    "graphql": {"--environment", "--base-url", "--graphql-version"},
}


def told(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def commands(group: click.Group = cli, above: str = "") -> dict[str, click.Command]:
    """Every verb, those of a group with its name before theirs."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found[f"{above}{name}"] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{above}{name} ")
    return found


COMMANDS = commands()


def flags_of(verb: str) -> set[str]:
    return {flag for made in COMMANDS[verb].params for flag in made.opts}


def test_the_verbs_are_those_of_the_contract() -> None:
    assert set(COMMANDS) == set(CONTRACT)


@pytest.mark.parametrize("verb", CONTRACT)
def test_a_verb_has_the_flags_of_the_contract_and_help_shows_them(verb: str) -> None:
    wanted = CONTRACT[verb] | SETTINGS.get(verb, set())
    assert wanted <= flags_of(verb)
    help_text = told(*verb.split(), "--help").output
    assert all(re.search(rf"{flag}\b", help_text) for flag in wanted)


@pytest.mark.parametrize("verb", CONTRACT)
def test_help_teaches_by_an_example(verb: str) -> None:
    assert f"  ordergroove {verb}" in told(*verb.split(), "-h").output


@pytest.mark.parametrize("verb", CONTRACT)
def test_help_tells_each_option_what_it_is(verb: str) -> None:
    silent = [p for p in COMMANDS[verb].params if isinstance(p, click.Option) and not p.help]
    assert silent == []


GROUPS = ["", *(verb for verb in COMMANDS if isinstance(COMMANDS[verb], click.Group))]


@pytest.mark.parametrize("group", GROUPS)
def test_a_verb_is_told_in_a_line_of_eighty_characters(group: str) -> None:
    text = told(*group.split(), "-h").output.partition("Commands:\n")[2]
    lines = text.splitlines()
    assert lines
    assert all(line.endswith((".", "?")) for line in lines)
    assert not any("..." in line or len(line) > 80 for line in lines)


def test_the_key_is_no_flag_of_any_verb() -> None:
    every = {flag for verb in COMMANDS for flag in flags_of(verb)}
    assert not {flag for flag in every if "key" in flag or "secret" in flag or "token" in flag}


def test_no_name_is_taken_twice_in_a_verb() -> None:
    for command in COMMANDS.values():
        names = [made.name for made in command.params]
        assert sorted(names) == sorted(set(names))


def run_in(
    directory: Path, words: Sequence[str], **variables: str
) -> "subprocess.CompletedProcess[str]":
    """The command in a directory that is its home as well."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDERGROOVE_", "DLT_"))}
    return subprocess.run(
        [sys.executable, "-m", "pipelines.ordergroove", *words],
        cwd=directory,
        env=kept | {"HOME": str(directory), "PYTHONPATH": os.getcwd()} | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["snyc"], "No such command"),
        (["sync", "--fulll-refresh"], "No such option"),
        (["sync", "order"], "did you mean 'orders'?"),
        (["describe", "customer"], "did you mean 'customers'?"),
        (["sync", "--entities", "orders,itmes"], "'items'"),
        (["sync", "--since", "soon"], "2026-06-10T14:00"),
        (["sync", "--since", ""], "2026-06-10T14:00"),
        (["sync", "--since", "06/01/2026"], "2026-06-10T14:00"),
        (["sync", "--since", "2999-01-01"], "in the future"),
        (["sync", "--since", "2026-06-01", "--full-refresh"], "leave --since away"),
        (["sync", "--since", "", "--full-refresh"], "leave --since away"),
        (["sync", "--lock-timeout", "long"], "--lock-timeout"),
        (["sync", "--overlap", "10m"], "overlap"),
        (["sync", "--timezone", "Central"], "timezone"),
        (["sync", "--base-url", "http://restapi.ordergroove.com"], "https"),
        (["sync", "--base-url", "ordergroove"], "base_url"),
        (["sync", "--destination", "warehouse.duckdb"], "destination"),
        (["sync", "--dataset", "My Data"], "dataset"),
        (["backfill"], "'--from'"),
        (["backfill", "--from", "2024-02-30", "--to", "2025-01-01"], "2026-06-10T14:00"),
        (["backfill", "--from", "2025-01-01", "--to", "2024-01-01"], "nothing to read"),
        (["backfill", "--from", "2099-01-01", "--to", "2100-01-01"], "nothing to read"),
        ([*BACKFILL, "--slice", "mnth"], "did you mean 'month'?"),
        ([*BACKFILL, "order"], "did you mean 'orders'?"),
        ([*BACKFILL, "--lock-timeout", "long"], "--lock-timeout"),
        (BACKFILL, "ORDERGROOVE_API_KEY"),
        (["status", "--max-age", "yesterday"], "--max-age"),
        (["query", "select 1", "--csv", "--json"], "Choose one"),
        (["report"], "There is no warehouse"),
        (["views", "apply"], "There is no warehouse"),
        (["views", "test"], "There is no warehouse"),
        (["report", "--to", "."], "is a directory"),
        (["schedule", "--at", "25:00"], "14:30"),
        (["schedule", "--zone", "Nowhere"], "--zone"),
        (["schedule", "--destination", "postgresql://me:s3cr3t@host/db"], "password"),
        (["sync", "--inbox", "redis://me:s3cr3t@host"], "no address of an inbox"),
        (["sync", "--inbox", "sqlite:///.ordergroove/w.sqlite"], "each run empties"),
        (["webhooks", "serve"], "ORDERGROOVE_WEBHOOK_KEYS"),
        (["webhooks", "serve", "--webhook-body-limit", "big"], "8MB"),
        (["webhooks", "tail", "--inbox", "none"], "There is no inbox"),
        (["webhooks", "load", "--inbox", "none"], "There is no inbox"),
        (["sandbox", "--zone", "Mars"], "America/Chicago"),
        (["sandbox", "--port", "99999"], "65535"),
        (["sandbox", "--customers", "0"], "--customers"),
        (["demo", "--customers", "-3"], "--customers"),
        (["demo", "--into", "."], "is a directory"),
        (["forget"], "CUSTOMER"),
        (["forget", "s3cr3t", "--lock-timeout", "long"], "--lock-timeout"),
        (["webhooks", "replay", "nowhere.jsonl"], "cannot be read"),
        (["sync"], "ORDERGROOVE_API_KEY"),
        (["graphql", "{ order { total } }"], "ORDERGROOVE_API_KEY"),
        (["graphql", "select 1"], "no GraphQL query"),
        (["files", "load", "nowhere"], "no report"),
        (["files", "load", "sftp://me:s3cr3t@host/outgoing"], "ORDERGROOVE_SFTP_PASSWORD"),
        (["canary"], "--environment staging"),
        (["canary", "--environment", "staging", "--purchase-url", "https://x.test"], "both"),
        (["canary", "--environment", "staging", "--wait", "long"], "--wait"),
        (["graphql", "{ a } ", "--variables", "[1]", "--dry-run"], "JSON object"),
        (["graphql", "{ orders(first: 500) { a } }", "--dry-run"], "pages of 500"),
        (["graphql", "{ order { total } }", "--graphql-version", "2026"], "graphql_version"),
        (["status"], "ordergroove sync"),
        (["query", "select 1"], "ordergroove sync"),
    ],
)
def test_bad_input_is_a_message_and_exit_code_two(
    tmp_path: Path, words: list[str], hint: str
) -> None:
    done = run_in(tmp_path, words)

    assert done.returncode == 2
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ({"ORDERGROOVE_DESTINATON": "duckdb:///x"}, "did you mean 'ORDERGROOVE_DESTINATION'?"),
        ({"ORDERGROOVE_READ_TIMEOUT": "soon"}, "ORDERGROOVE_READ_TIMEOUT"),
        ({"ORDERGROOVE_API_KEY": "two words of s3cr3t"}, "ORDERGROOVE_API_KEY"),
    ],
)
def test_a_bad_variable_is_named_and_its_secret_is_not(
    tmp_path: Path, variable: dict[str, str], hint: str
) -> None:
    done = run_in(tmp_path, ["sync"], **variable)

    assert done.returncode == 2
    assert hint in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[sources.ordergroove\n", "config.toml"),
        ("[sources.ordergroove]\ndestinaton = 'duckdb:///x'\n", "did you mean 'destination'?"),
        ("[sources.ordergroove]\noverlap = '1m'\n", "overlap"),
    ],
)
def test_a_broken_file_of_settings_is_named(tmp_path: Path, text: str, hint: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(text, "utf-8")

    done = run_in(tmp_path, ["sync"], ORDERGROOVE_API_KEY="a-key")

    assert done.returncode == 2
    assert hint in done.stderr
    assert "config.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m pipelines.ordergroove describe --json | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_schedule_prints_what_it_was_given(tmp_path: Path) -> None:
    words = ["schedule", "--zone", "UTC", "--destination", "duckdb:////srv/shop/w.duckdb"]
    done = run_in(tmp_path, words)

    assert done.returncode == 0
    assert "sync --lock-timeout 1h --destination duckdb:////srv/shop/w.duckdb" in done.stdout
    assert str(tmp_path / "ordergroove.log") in done.stdout


def test_the_version_is_told(tmp_path: Path) -> None:
    assert re.fullmatch(r"ordergroove, version \d+\.\d+\.\d+\n", told("--version").output)


@pytest.mark.parametrize("verb", ["apply", "test"])
def test_there_are_no_views_of_what_no_sync_has_written(tmp_path: Path, verb: str) -> None:
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    done = run_in(tmp_path, ["views", verb])

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "The warehouse warehouse.duckdb holds nothing of Ordergroove in the dataset 'ordergroove'.",
        "Run `ordergroove sync` first, or name another one with --destination or --dataset.",
        "Nothing was written.",
    ]


@contextmanager
def serving(*words: str) -> Iterator[dict[str, str]]:
    """The sandbox as a command, and the settings that lead to it."""
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.ordergroove", "sandbox", "--port", "0",
         "--customers", "10", *words],
        stdout=subprocess.PIPE,
        text=True,
    ) as served:  # fmt: skip
        try:
            assert served.stdout
            told_first = dict(served.stdout.readline().split() for _ in range(2))
            words_of = {"BASE_URL": told_first["url"], "API_KEY": told_first["key"]}
            yield {f"ORDERGROOVE_{name}": word for name, word in words_of.items()}
        finally:
            served.terminate()


def test_the_sandbox_that_it_serves_passes_its_own_check(tmp_path: Path) -> None:
    with serving() as settings:
        done = run_in(tmp_path, ["check"], **settings)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 warn, 0 fail" in done.stdout


def test_the_daily_files_that_the_sandbox_drops_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "outgoing").mkdir()
    with serving("--files", str(tmp_path / "outgoing")) as settings:
        done = run_in(tmp_path, ["files", "load", "outgoing"], **settings)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 files loaded" in done.stdout
