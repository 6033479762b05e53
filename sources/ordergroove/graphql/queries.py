"""Queries made from wanted paths, each within the limits, and their answers put together again.

One object may take several queries. Their answers are laid over each other, field by field and
list entry by list entry; where they contradict each other the object was changed between them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sources.ordergroove.graphql.limits import PAGE_SIZE, OverLimit, cost_of, refuse_over_limit

Path = tuple[str, ...]
Tree = dict[str, "Tree"]

IDENTITY = "publicId"
"""Asked for at each list entry by every query, so that answers which do not fit are noticed."""

LISTS_WITH_IDENTITY = ("items.nodes",)


PLACED_FROM, PLACED_TO = "placeStart", "placeEnd"
"""Arguments of the list of orders: the first and the last day of placement, both included."""

DAYS: Mapping[str, str] = {PLACED_FROM: "Date", PLACED_TO: "Date"}


class ChangedMeanwhile(Exception):
    """Two answers on one object contradict each other."""


def queries_for(root: str, paths: Iterable[Path]) -> list[str]:
    """Queries on a single `root` that together ask for every path, as few as a simple way finds.

    Raises OverLimit for a path that no query can hold.
    """
    return split(paths, partial(query_of, root))


def list_queries_for(
    root: str, paths: Iterable[Path], arguments: Mapping[str, str] | None = None
) -> list[str]:
    """The same of a list's page: each names its records and takes the cursor as `$after`.

    `arguments` are further variables of the list with their types. Raises OverLimit.
    """
    return split(paths, partial(list_query_of, root, arguments=arguments or {}))


def split(paths: Iterable[Path], write: Callable[[Tree], str]) -> list[str]:
    """The queries that `write` makes of as many of the paths as each of them holds."""
    found: list[str] = []
    tree: Tree = {}
    for path in sorted(set(paths)):
        wider = with_path(tree, path)
        if tree and not is_within(write(wider)):
            found.append(write(tree))
            wider = with_path({}, path)
        refuse_over_limit(cost_of(write(wider)))
        tree = wider
    return [*found, write(tree)] if tree else found


def with_path(tree: Tree, path: Path) -> Tree:
    """The tree with one more leaf, and the identity of list entries on the way to it."""
    made = grafted(tree, path)
    for place in LISTS_WITH_IDENTITY:
        steps = tuple(place.split("."))
        if path[: len(steps)] == steps:
            made = grafted(made, (*steps, IDENTITY))
    return made


def grafted(tree: Tree, path: Path) -> Tree:
    if not path:
        return tree
    first, *rest = path
    return {**tree, first: grafted(tree.get(first, {}), tuple(rest))}


def query_of(root: str, tree: Tree) -> str:
    return f"query($id: String!) {{ {root}(publicId: $id) {written(tree)} }}"


def list_query_of(root: str, tree: Tree, *, arguments: Mapping[str, str]) -> str:
    taken = {"after": "String", **arguments}
    declared = ", ".join(f"${name}: {kind}" for name, kind in taken.items())
    given = ", ".join(f"{name}: ${name}" for name in taken)
    node = written({IDENTITY: {}, **tree})
    return (
        f"query({declared}) {{ {root}(first: {PAGE_SIZE}, {given})"
        f" {{ edges {{ node {node} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )


def written(tree: Tree) -> str:
    fields = []
    for step, below in tree.items():
        name = f"... {step}" if step.startswith("on ") else step
        fields.append(f"{name} {written(below)}" if below else name)
    return "{ " + " ".join(fields) + " }"


def is_within(query: str) -> bool:
    try:
        refuse_over_limit(cost_of(query))
    except OverLimit:
        return False
    return True


def laid_over(one: Any, other: Any) -> Any:
    """Two answers on one object as one. Raises ChangedMeanwhile when they contradict each other."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            name: laid_over(one[name], other[name])
            if name in one and name in other
            else one.get(name, other.get(name))
            for name in {**one, **other}
        }
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [laid_over(left, right) for left, right in zip(one, other, strict=True)]
    if one != other:
        raise ChangedMeanwhile
    return one


def rows_at(
    found: Mapping[str, Any], at: Path, above: Sequence[tuple[str, Path]]
) -> Iterator[tuple[dict[str, Any], int, Mapping[str, Any]]]:
    """The objects at a path: what identifies those above, their number there, and they themselves.

    Whatever is null or of another shape on the way holds no rows.
    """
    yield from _walk(found, (), at, above, {})


def _walk(
    place: Any,
    here: Path,
    left: Path,
    above: Sequence[tuple[str, Path]],
    known: Mapping[str, Any],
) -> Iterator[tuple[dict[str, Any], int, Mapping[str, Any]]]:
    entries = place if isinstance(place, list) else [place]
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        passed = {
            **known,
            **{column: entry.get(path[-1]) for column, path in above if path[:-1] == here},
        }
        if left:
            yield from _walk(entry.get(left[0]), (*here, left[0]), left[1:], above, passed)
        else:
            yield passed, number, entry


def value_at(entry: Mapping[str, Any], path: str) -> Any:
    """The value at a path below an object; null on the way is null at the end."""
    value: Any = entry
    for step in path.split("."):
        if step.startswith("on "):
            continue
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value
