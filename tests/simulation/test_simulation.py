"""A few seeds of the simulation, and every seed that has ever failed.

`make simulate SEEDS=n` plays many.
"""

from pathlib import Path

import pytest

from tests.simulation.play import play
from tests.simulation.plug import POINTS, places

SEEDS = (1, 2)
FAILED_ONCE: dict[int, str] = {}
"""Seeds that have found something, and what."""


@pytest.mark.parametrize("seed", [*SEEDS, *FAILED_ONCE])
def test_whatever_happens_the_warehouse_ends_right(seed: int, tmp_path: Path) -> None:
    play(seed, tmp_path)


def test_every_point_at_which_the_plug_is_pulled_is_there() -> None:
    assert {point for point, _ in places()} == set(POINTS)
    assert all(hasattr(place, name) for _, (place, name, _) in places())
