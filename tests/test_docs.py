"""What the README says is true of the code beside it."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from pipelines.ordergroove.cli import cli
from pipelines.ordergroove.settings import load
from sources.ordergroove import errors
from tests.readme import README, SECTIONS, SHIPPED, written

TEXT = README.read_text("utf-8")
ROOT = README.parent
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def blocks() -> list[str]:
    """The lines of indented blocks: what somebody is told to type."""
    return [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]


def commands() -> list[list[str]]:
    """The words behind `ordergroove` of every command shown."""
    found = []
    for line in blocks():
        words = shlex.split(line, comments=True)
        if words and words[0].rpartition("/")[2] == "ordergroove":
            found.append(words[1:])
    return found


def test_the_tables_and_queries_are_those_of_the_code() -> None:
    assert written(TEXT) == TEXT, "run: python -m tests.readme"
    assert all(f"<!-- {name} -->\n|" in TEXT for name in SECTIONS)


def test_five_of_the_shipped_queries_are_shown_and_the_rest_is_counted() -> None:
    shown = re.findall(r"<!-- query: (\w+) -->", TEXT)
    assert len(shown) == 5
    assert set(shown) < set(SHIPPED)
    assert len(SHIPPED) == 8
    assert "Five questions; [three more]" in TEXT


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_shown_is_one_that_the_program_takes(words: list[str]) -> None:
    above = cli.make_context("ordergroove", list(words))
    cli.commands[words[0]].make_context(words[0], list(words[1:]), parent=above)


@pytest.mark.parametrize(
    "verb", ["make demo", "make test", "make lint", "make bench", "make simulate"]
)
def test_what_is_made_is_in_the_makefile(verb: str) -> None:
    assert any(line.startswith(verb) for line in blocks())
    assert f"\n{verb.split()[1]}: " in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("verb", [verb for verb in cli.commands if verb != "demo"])
def test_every_verb_is_mentioned(verb: str) -> None:
    assert re.search(rf"`?ordergroove {verb}\b|`{verb}`", TEXT)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", TEXT))
def test_every_link_leads_somewhere(target: str) -> None:
    file, _, anchor = target.partition("#")
    assert (ROOT / file).exists()
    assert not anchor or anchor in anchors()


def anchors() -> set[str]:
    """What a link within the README can name: its headings, in lower case, words joined."""
    headings = re.findall(r"^##+ (.+)$", TEXT, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_promise_is_held_by_a_test_that_exists() -> None:
    rows = re.findall(r"^\| \*\*.*?\| `([^`]+)` \|$", TEXT, re.MULTILINE)
    assert len(rows) >= 7
    for row in rows:
        path, _, name = row.partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_exit_codes_are_those_of_the_errors() -> None:
    table = TEXT[TEXT.index("<!-- exit codes -->") : TEXT.index("<!-- /exit codes -->")]
    told = {int(code) for line in table.splitlines() for code in re.findall(r"^\| (\d+)", line)}
    raised = {
        made.exit_code
        for made in vars(errors).values()
        if isinstance(made, type) and issubclass(made, errors.OrdergrooveError)
    }
    # 0: good, 3: decided by the run, 5: by a check
    assert told == raised | {0, 3, 5}


@pytest.mark.parametrize(
    ("name", "value"), re.findall(r"`ORDERGROOVE_(\w+)=([^`]+)`", TEXT) or [("", "")]
)
def test_every_variable_shown_is_a_setting(name: str, value: str, tmp_path: Path) -> None:
    load({}, {f"ORDERGROOVE_{name}": value}, tmp_path, tmp_path / "home")


def test_the_python_shown_names_what_is_there() -> None:
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert code
    for block in code:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sources"):
                module = __import__(str(node.module), fromlist=["*"])
                assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_changelog_tells_of_the_version_that_is_built() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert version
    assert "## Unreleased" in CHANGELOG or f"## {version[1]}" in CHANGELOG
