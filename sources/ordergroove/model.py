"""What a row of the entity table is made of."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from types import MappingProxyType

from sources.ordergroove.kinds import Kind, Personal

SYSTEM_COLUMNS = ("_synced_at", "_deleted_at", "_unparsed")
"""Columns that every entity's table has beside Ordergroove's own fields."""


class Deletion(StrEnum):
    """How a deleted record shows in the API."""

    VANISHES = "vanishes"
    """Physically deleted: the lists lack it, the single-object GET answers 404."""

    FLAGGED = "flagged"
    """Stays, and a field of its own says that it is over."""

    UNDOCUMENTED = "undocumented"
    """The documentation is silent; only a complete read can show that it is gone."""


class Answer(StrEnum):
    """What a list endpoint may answer with, apart from the page every one is expected to give."""

    PAGE = "page"
    """`{"next", "previous", "results"}` and nothing else."""

    LIST = "page or bare list"
    """A bare list is the whole answer: the documented example shows one."""

    OBJECT = "page, bare list or single object"
    """The documented example is a single record without any envelope."""


@dataclass(frozen=True)
class Column:
    """One documented field of a record."""

    name: str
    _: KW_ONLY
    kind: Kind
    personal: Personal = Personal.NO
    references: str | None = None
    """`table.column` that the value names. Never enforced: parents can arrive a run later."""

    also: tuple[str, ...] = ()
    """Other JSON types that the documentation shows for this field, beyond the kind's own."""

    deprecated: bool = False
    only_if: str | None = None
    """The request parameter or the circumstance without which the field is absent."""

    note: str = ""

    @property
    def utc_name(self) -> str:
        """The column that holds the instant of a local stamp."""
        return f"{self.name}_utc"


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How to ask a list for what changed, and which field of the record answers."""

    start: str
    """Query parameter of the lower bound; inclusive, wall clock, whole seconds."""

    end: str
    """Query parameter of the upper bound; inclusive, wall clock, whole seconds."""

    stamp: str
    """The field that holds the time of the last change."""


@dataclass(frozen=True, kw_only=True)
class Vanishing:
    """Which records of an entity can vanish, and where it is seen that they have."""

    status: str | None = None
    """The field, and the filter of the list, that tells how far a record has come."""

    final: frozenset[int] = frozenset()
    """Values of `status` with which no record vanishes any more."""

    within: str | None = None
    """The column that names what a record is part of: it goes when that goes, and when it goes
    alone, the stamp of that moves."""


@dataclass(frozen=True, kw_only=True)
class Entity:
    """One Ordergroove object type: everything the program knows about it.

    Raises ValueError when the row contradicts itself.
    """

    name: str
    path: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    deletion: Deletion
    source: str
    """Titles of the documentation pages that the row was taken from."""

    changes: Changes | None = None
    """None: the list knows no change filter and is read whole."""

    single: str | None = None
    """Path of the single-object GET, with `{key}` where the key goes."""

    vanishing: Vanishing | None = None
    """None: only a complete read can show that a record is gone."""

    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Query parameters without which the list hides rows or fields."""

    answer: Answer = Answer.PAGE
    advice: str = ""
    """What Ordergroove itself says about syncing this object type."""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a column stands twice")
        if not self.key:
            raise ValueError(f"{self.name}: no key")
        if missing := set(self.key) - set(names):
            raise ValueError(f"{self.name}: key {sorted(missing)} is no column")
        for name in self.key:
            # what can be written in several ways tells no two records apart
            if self.column(name).kind not in (Kind.TEXT, Kind.INTEGER):
                raise ValueError(f"{self.name}: {name} can not be part of a key")
        if not (self.path.startswith("/") and self.path.endswith("/")):
            raise ValueError(f"{self.name}: path must begin and end with a slash")
        if self.changes and self.column(self.changes.stamp).kind is not Kind.LOCAL_STAMP:
            raise ValueError(f"{self.name}: {self.changes.stamp} is no stamp")
        if self.single and len(self.key) != 1:
            raise ValueError(f"{self.name}: a single-object GET takes one key")
        if self.vanishing and not (self.single and self.changes):
            raise ValueError(f"{self.name}: what vanishes takes a stamp and a single-object GET")
        if self.vanishing and self.deletion is not Deletion.VANISHES:
            raise ValueError(f"{self.name}: only what vanishes can say how")
        stamps = [column for column in self.columns if column.kind is Kind.LOCAL_STAMP]
        taken = {*SYSTEM_COLUMNS, *(column.utc_name for column in stamps)}
        if clash := taken & set(names):
            raise ValueError(f"{self.name}: {sorted(clash)} are the warehouse's own columns")

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError when the entity has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    @property
    def whole(self) -> str | None:
        """The name of the entity that its records are parts of."""
        if self.vanishing is None or self.vanishing.within is None:
            return None
        return (self.column(self.vanishing.within).references or "").partition(".")[0]

    @property
    def is_incremental(self) -> bool:
        return self.changes is not None

    @property
    def has_merchant(self) -> bool:
        """Whether records name the merchant they belong to."""
        return any(column.name == "merchant" for column in self.columns)
