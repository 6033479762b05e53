"""Imports go down only, and each outside library has its few places.

Read from the syntax tree, so that an import inside a function counts like one at the top.
"""

import ast
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMESPACES = ("sources", "state", "pipelines", "sql")

MAY_IMPORT = {
    "sources": ("sources",),
    "state": ("sources", "state"),
    "pipelines": ("sources", "state", "pipelines"),
}
"""Which of the project's layers each layer knows."""

PLACES = {
    # the sandbox's transport offers an httpx one to tests, and imports it there and nowhere else
    "httpx": (
        "sources.ordergroove.client",
        "sources.ordergroove.connection",
        "sources.ordergroove.graphql.client",
        "sources.ordergroove.purchase.client",
        "sources.ordergroove.sandbox.transport",
    ),
    "duckdb": (
        "pipelines.ordergroove.targets.duckdb_file",
        "pipelines.ordergroove.targets.duckdb_log",
    ),
    "sqlite3": ("pipelines.ordergroove.targets.sqlite",),
    "psycopg2": ("pipelines.ordergroove.targets.postgres",),
    "pymysql": ("pipelines.ordergroove.targets.mariadb",),
    "sqlalchemy": (
        "pipelines.ordergroove.targets.mariadb",
        "pipelines.ordergroove.targets.mariadb_dlt",
        "pipelines.ordergroove.targets.sqlite_dlt",
        "pipelines.ordergroove.webhooks.inbox",
    ),
    "vl_convert": ("pipelines.ordergroove.report_page.library",),
    "asyncssh": ("sources.ordergroove.files.host_key", "sources.ordergroove.files.session"),
    "uvicorn": ("pipelines.ordergroove.webhooks.serving",),
}
"""The modules that may use a library: the edge. Whoever but names its types needs no leave."""

SOURCES = "sources.ordergroove"
SANDBOX = f"{SOURCES}.sandbox"
TABLE = (f"{SOURCES}.kinds", f"{SOURCES}.model", f"{SOURCES}.entities")
"""Upwards: each may import those before it, and nothing else of the project."""


def name_of(path: Path) -> str:
    """The dotted name of a module file; a package's is that of its directory."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for layer in MAY_IMPORT for path in (ROOT / layer).rglob("*.py")}


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def imports_in(tree: ast.AST, package: str, known: Collection[str]) -> Iterator[str]:
    """Every module that the code imports, whole names, `package` being its own package.

    `from a import b` names `a.b` where that is one of the `known` modules, else `a`.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")[: 1 - level or None] if level else []
                base = ".".join([*above, *([module] if module else [])])
                for alias in names:
                    inner = f"{base}.{alias.name}"
                    yield inner if inner in known else base
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


class WithoutTypesOnly(ast.NodeTransformer):
    """Drops `if TYPE_CHECKING:`, what the code runs without."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return self.generic_visit(node)


def imports_of(module: str, *, running: bool) -> set[str]:
    """All imports of a module, or only those that happen when it runs."""
    path = FILES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree: ast.AST = ast.parse(path.read_text("utf-8"))
    return set(imports_in(WithoutTypesOnly().visit(tree) if running else tree, package, FILES))


IMPORTS = {module: imports_of(module, running=False) for module in FILES}
RUNNING = {module: imports_of(module, running=True) for module in FILES}


def offences(module: str, allowed: Collection[str], among: Collection[str]) -> list[str]:
    """What the module imports from the packages `among` although no `allowed` one holds it."""
    return sorted(
        name
        for name in IMPORTS[module]
        if any(is_within(name, package) for package in among)
        and not any(is_within(name, package) for package in allowed)
    )


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f():\n    import httpx.auth", {"httpx.auth"}),
        ("from a.b import c", {"a.b"}),
        ("from a.b import known", {"a.b.known"}),
        ("from . import known", {"a.b.known"}),
        ("from .known import x", {"a.b.known"}),
        ("from ..c import x", {"a.c"}),
        ("importlib.import_module('late')", {"late"}),
    ],
)
def test_no_way_of_importing_goes_unseen(code: str, found: set[str]) -> None:
    assert set(imports_in(ast.parse(code), "a.b", {"a.b.known"})) == found


def test_what_serves_type_checks_only_does_not_count_as_running() -> None:
    tree = ast.parse("if TYPE_CHECKING:\n    import a\nelse:\n    import b\nif x:\n    import c")
    assert set(imports_in(WithoutTypesOnly().visit(tree), "", {})) == {"b", "c"}


def test_there_are_modules_to_look_at() -> None:
    assert set(TABLE) <= set(FILES)


@pytest.mark.parametrize("module", FILES)
def test_imports_go_down_only(module: str) -> None:
    allowed = MAY_IMPORT[module.partition(".")[0]]
    assert offences(module, allowed, [*MAY_IMPORT, "sql", "tests"]) == []


def test_no_module_imports_itself_by_a_detour() -> None:
    own = {module: names & set(FILES) for module, names in RUNNING.items()}
    try:
        TopologicalSorter(own).prepare()
    except CycleError as circle:
        pytest.fail(" <- ".join(circle.args[1]))


@pytest.mark.parametrize("module", TABLE)
def test_the_table_of_entities_knows_only_what_lies_below_it(module: str) -> None:
    below = TABLE[: TABLE.index(module)]
    assert offences(module, below, MAY_IMPORT) == []


@pytest.mark.parametrize(("one", "other"), [("client", "rows"), ("rows", "client")])
def test_fetching_and_typing_know_nothing_of_each_other(one: str, other: str) -> None:
    imports = IMPORTS.get(f"{SOURCES}.{one}", set())
    assert f"{SOURCES}.{other}" not in imports


@pytest.mark.parametrize("module", [name for name in FILES if is_within(name, SANDBOX)])
def test_the_sandbox_shares_nothing_but_the_table_with_the_program(module: str) -> None:
    assert offences(module, [SANDBOX, *TABLE], MAY_IMPORT) == []


@pytest.mark.parametrize(
    "module", [name for name in FILES if name.startswith(SOURCES) and not is_within(name, SANDBOX)]
)
def test_the_source_never_leans_on_the_sandbox(module: str) -> None:
    assert [name for name in IMPORTS[module] if is_within(name, SANDBOX)] == []


@pytest.mark.parametrize("library", PLACES)
def test_a_library_of_the_edge_is_imported_at_the_edge_only(library: str) -> None:
    users = {
        module
        for module, names in RUNNING.items()
        if any(is_within(name, library) for name in names)
    }
    assert sorted(users - set(PLACES[library])) == []


def test_the_sandbox_runs_without_httpx_until_a_transport_is_asked_for() -> None:
    tree = ast.parse(FILES[f"{SANDBOX}.transport"].read_text("utf-8"))
    at_the_top = ast.Module([node for node in tree.body if _is_import(node)], [])
    assert "httpx" not in set(imports_in(at_the_top, SANDBOX, FILES))


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_holds_nothing_but_our_package(namespace: str) -> None:
    entries = {path.name for path in (ROOT / namespace).glob("[!.]*")} - {"__pycache__"}
    assert entries == {"ordergroove"}


@pytest.mark.parametrize("module", FILES)
def test_nothing_is_told_but_by_the_command_and_the_log(module: str) -> None:
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(FILES[module].read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert calls == []
