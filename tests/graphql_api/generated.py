"""Random queries over the documented schema, with what they cost, counted while they are made.

The count shares nothing with the program's: it adds up what is written, it reads no query.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
)

FILE = Path("sources/ordergroove/graphql/schema.graphql")
ROOTS = {
    "order": '(publicId: "a")',
    "orders": "(first: 5)",
    "subscription": '(publicId: "a")',
    "subscriptions": '(customer: "c", first: 5)',
}


@cache
def schema() -> GraphQLSchema:
    return build_schema(FILE.read_text("utf-8"))


@dataclass(frozen=True, kw_only=True)
class Made:
    query: str
    points: int
    depth: int


class Maker:
    """Writes one query."""

    def __init__(self, rng: Random, *, fields: int, depth: int) -> None:
        self.rng = rng
        self.fields = fields
        self.depth = depth
        self.points = 0
        self.deepest = 1

    def made(self) -> Made:
        root = self.rng.choice([*ROOTS])
        above = schema().query_type
        assert above is not None
        body = self.selection(get_named_type(above.fields[root].type), 1)
        return Made(query=f"{{ {root}{ROOTS[root]} {body} }}", points=self.points,
                    depth=self.deepest)  # fmt: skip

    def selection(self, kind: object, depth: int) -> str:
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        self.deepest = max(self.deepest, depth + 1)
        names = self.rng.sample([*kind.fields], min(self.fields, len(kind.fields)))
        written: list[str] = []
        for name in names:
            inner = get_named_type(kind.fields[name].type)
            if not isinstance(inner, GraphQLObjectType | GraphQLInterfaceType):
                self.points += 1
                written.append(self.rng.choice([name, f"other_{len(written)}: {name}"]))
            elif depth + 1 < self.depth:
                self.points += 5
                written.append(f"{name} {self.selection(inner, depth + 1)}")
        if not written or self.rng.random() < 0.1:
            self.points += 1
            written.append("__typename")
        if self.rng.random() < 0.2:
            inside = f"... on {kind.name} {{ {written.pop()} }}"
            written.append(inside)
        return "{ " + " ".join(written) + " }"
