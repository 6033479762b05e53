"""One seed played from its beginning to its end."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.simulation.play import Play
from tests.simulation.scene import Scene, scene_of
from tests.stories.stage import Stage, staged

STEPS = 8
MEMORY = Path("/dev/shm")  # noqa: S108 - the system's own, for directories with names of ours

STEPS_OF_PLAY: tuple[tuple[str, int], ...] = (
    ("life", 5),
    ("time", 5),
    ("trouble", 1),
    ("fresh_disk", 1),
    ("another_machine", 1),
    ("busy_sync", 2),
    ("killed_sync", 4),
    ("two_at_once", 1),
    ("backfill", 1),
    ("killed_backfill", 3),
    ("quiet_sync", 2),
)


def play(seed: int, destination: str | None = None, *, steps: int = STEPS) -> Play:
    """Plays a seed to its end. Raises AssertionError with all that led there.

    `destination` is an empty database on the scene's engine, where that is a server.
    """
    scene, rng = scene_of(seed), Random(seed)
    names = [name for name, weight in STEPS_OF_PLAY for _ in range(weight)]
    chosen = [*rng.choices(names, k=steps), "sync_again"]
    with memory() as directory:
        if scene.engine == "sqlite":
            destination = f"sqlite:///{directory}/warehouse.db"
        with staged(scene.sandbox(), directory, destination=destination) as stage:
            made = of_scene(scene, stage, rng)
            try:
                act(made, chosen)
            except Exception as error:
                told = [f"seed {seed}: {scene}", *made.told, f"{type(error).__name__}: {error}"]
                raise AssertionError("\n".join(told)) from error
    return made


def of_scene(scene: Scene, stage: Stage, rng: Random) -> Play:
    return Play(
        stage=stage,
        rng=rng,
        names=scene.names,
        zone=scene.zone,
        lead_s=scene.lead_s,
        is_older=scene.begins_older,
    )


def act(play: Play, steps: Sequence[str]) -> None:
    for name in steps:
        play.told.append(name)
        getattr(play, name)()


@contextmanager
def memory() -> Iterator[Path]:
    """A directory that no disk has to be waited for, where the system offers one."""
    place = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="ordergroove-", dir=place) as directory:
        yield Path(directory)
