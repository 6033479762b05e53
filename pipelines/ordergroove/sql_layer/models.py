"""The SQL files of `sql/ordergroove`: what each makes, what it reads, and in which order.

A file is one query in the subset of `dialects`, its name is the view's name, and its first line
says the grain. A layer reads raw tables and the layers before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable

from sqlglot import exp

from pipelines.ordergroove.sql_layer.dialects import parsed, tables_in

LAYERS = ("staging", "intermediate", "marts", "meta")
CHECKS = "checks"
SLOW = "-- slow:"
"""How the second line of a model begins that `--materialize` turns into a table."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One view, or one check."""

    name: str
    layer: str
    text: str

    @cached_property
    def query(self) -> exp.Query:
        return parsed(self.text)

    @cached_property
    def reads(self) -> frozenset[str]:
        return tables_in(self.query)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every column name that occurs in it."""
        return frozenset(column.name for column in self.query.find_all(exp.Column))

    @property
    def title(self) -> str:
        """The grain of a view, the promise of a check."""
        return self.text.partition("\n")[0].removeprefix("-- ")

    @property
    def is_slow(self) -> bool:
        return any(line.startswith(SLOW) for line in self.text.splitlines()[:3])


@cache
def models() -> tuple[Model, ...]:
    """All views that have a file, by layer and name."""
    return tuple(model for layer in LAYERS for model in files_of(layer))


@cache
def checks() -> tuple[Model, ...]:
    return files_of(CHECKS)


def files_of(layer: str) -> tuple[Model, ...]:
    return tuple(
        Model(name=path.name.removesuffix(".sql"), layer=layer, text=path.read_text("utf-8"))
        for path in sorted(folder(layer).iterdir(), key=lambda path: path.name)
        if path.name.endswith(".sql")
    )


def folder(name: str) -> Traversable:
    return files("sql.ordergroove") / name


def in_order(found: Iterable[Model]) -> tuple[Model, ...]:
    """The models, each after those that it reads. Raises CycleError when that cannot be."""
    by_name = {model.name: model for model in found}
    graph = {name: sorted(model.reads & by_name.keys()) for name, model in by_name.items()}
    return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())


def dependents(name: str, among: Iterable[Model]) -> tuple[Model, ...]:
    """The models that read `name`, at first or second hand, in the order of `among`."""
    tainted = {name}
    found = []
    for model in among:
        if model.reads & tainted:
            tainted.add(model.name)
            found.append(model)
    return tuple(found)
