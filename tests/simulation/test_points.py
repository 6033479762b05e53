"""The plug is pulled at each named point, on each engine: nothing half-merged, next run right."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pipelines.ordergroove.preflight import Ask
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Sandbox, World
from tests.simulation.play import KILLED, Play
from tests.simulation.plug import POINTS
from tests.simulation.scene import CHANGES, SETTING
from tests.stories.stage import Stage, staged

OF_SYNC = [point for point in POINTS if point != "between two turns"]
OF_LOAD = [point for point in OF_SYNC if "merge" in point or "package" in point]
"""What differs from engine to engine."""


@pytest.fixture(params=["duckdb", "sqlite", "postgres", "mariadb"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    engine = str(request.param)
    destination = {"duckdb": None, "sqlite": f"sqlite:///{tmp_path}/w.db"}
    url = (
        destination[engine]
        if engine in destination
        else str(request.getfixturevalue(f"{engine}_url"))
    )
    world = World(seed=17, customers=6, zone=SETTING, now=CHANGES[0], days=60)
    with staged(Sandbox(world), tmp_path, destination=url) as made:
        yield made


@pytest.mark.slow
def test_a_plug_pulled_anywhere_leaves_whole_tables_and_the_next_run_ends_right(
    stage: Stage,
) -> None:
    play = Play(stage=stage, rng=Random(1))
    play.quiet_sync()
    missed = []
    for point in OF_SYNC if stage.file.exists() else OF_LOAD:
        play.life()
        before = {name: stage.rows(name) for name in ENTITIES}
        after = {name: stage.truth(name) for name in ENTITIES}

        # some are passed once in a run that needs no more than one package
        nth = 2 if point in ("between pages", "before the merge", "after the merge") else 1
        code = play.child(play.deed(ask=Ask(full_refresh=True), point=point, nth=nth))

        if code != KILLED:
            missed.append(point)
        for name in ENTITIES:
            for key, row in stage.rows(name).items():
                assert row in (before[name].get(key), after[name].get(key)), f"{point}: {name}"
        play.quiet_sync()
    assert missed == []
