"""Rows made from their number alone, when they are looked at: any number of them costs nothing."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import overload

from sources.ordergroove.sandbox.clock import DAY_S, WallClock, day_number, filter_text
from sources.ordergroove.sandbox.store import Record, Row

# odd, so that multiplying with it can be undone: ids look drawn and tell their number all the same
SCATTER = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835
GATHER = pow(SCATTER, -1, 1 << 128)


@lru_cache(maxsize=200_000)
def scattered(number: int, kind: int) -> str:
    """A public_id from a row's number; `kind` keeps entities apart."""
    return f"{((number * 16 + kind) * SCATTER) % (1 << 128):032x}"


def gathered(public_id: str) -> int:
    """The number of the row with an id. Raises ValueError for what is no id."""
    return ((int(public_id, 16) * GATHER) % (1 << 128)) // 16


class OnDemand(Sequence[Row]):
    """One entity's rows, made when they are looked at. `make` takes number, creation and change."""

    def __init__(
        self,
        name: str,
        count: int,
        *,
        span: tuple[int, int],
        wall: WallClock,
        make: Callable[[int, str, str], Record],
    ) -> None:
        self.name = name
        self.size = count
        self.wall = wall
        self.make = make
        self.first, self.last = span
        self.updated = array("q", (self.created(number) for number in range(count)))

    def created(self, number: int) -> int:
        """Creations are spread evenly over the span."""
        return self.first + (self.last - self.first) * number // max(self.size, 1)

    def row(self, number: int) -> Row:
        created, updated = self.created(number), self.updated[number]
        position = self.wall.text(created)
        record = self.make(number, position, self.wall.text(updated))
        return Row(
            record=record,
            position=position,
            serial=number,
            created_at=created,
            updated_at=updated,
        )

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Row]:
        return map(self.row, range(self.size))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self.row(number) for number in range(*index.indices(self.size))]
        return self.row(range(self.size)[index])

    def changed(self, start: str, end: str) -> "Picked":
        """The rows whose change stamp lies between two texts, as numbers."""
        low = self._roughly(start, -2 * DAY_S, self.first)
        high = self._roughly(end, 2 * DAY_S, 1 << 40)
        near = (number for number, at in enumerate(self.updated) if low <= at <= high)
        text = self.wall.text
        return Picked(
            self, [number for number in near if start <= text(self.updated[number]) <= end]
        )

    def _roughly(self, edge: str, margin: int, otherwise: int) -> int:
        """An edge as an instant with a margin; texts alone decide, this only saves time."""
        if len(edge) < len("2025-01-01"):
            return otherwise
        return self.wall.instant(day_number(filter_text(edge))) + margin


class Picked(Sequence[Row]):
    """Some rows of a shelf, in its order."""

    def __init__(self, shelf: OnDemand, numbers: Sequence[int]) -> None:
        self.shelf = shelf
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self.shelf.row(number) for number in self.numbers[index]]
        return self.shelf.row(self.numbers[index])
