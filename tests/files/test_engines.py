"""Daily files in every engine: the same tables, and the same rows in the views above them."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pendulum
import pytest

from pipelines.ordergroove.files.found import found_here
from pipelines.ordergroove.files.load import Loaded, load
from pipelines.ordergroove.sql_layer.after import views_over
from pipelines.ordergroove.sql_layer.models import models
from pipelines.ordergroove.warehouse import Warehouse, opened, scratch_in
from sources.ordergroove.sandbox import Sandbox, World
from sources.ordergroove.sandbox.exports import EXPORTS, drop
from tests.files.contents import Rows, in_tables, rows_of
from tests.stories.stage import Stage, staged

VIEWS = [model for model in models() if model.name.startswith("stg_sftp_")]
AGE = 1_700_000_000
ODD = "shop_orders_02012035000000.csv"
HEADER = "Ordergroove Order ID,Product,Price,Quantity,Place Date,Colour\n"


@pytest.fixture(scope="module")
def world() -> World:
    now = datetime(2035, 3, 9, 6, tzinfo=UTC)
    return World(seed=5, customers=4, zone="America/New_York", now=now, days=60)


def dropped(world: World, directory: Path) -> Path:
    """Every report in full, and one with all that is odd."""
    directory.mkdir()
    for report in EXPORTS:
        drop(world, directory, report, kind="full", naming="rule")
    lines = (
        '007,"Tea, ""green""\r\nloose\\\'s 100% 茶 🍵",-1.5,2,03/17/2025,red',
        "9,Tea,free,many,03/47/2025,",
        "9223372036854775808,,12345678.9999,-9223372036854775807,12/31/9999,",
        "10,Tea,1,1,2025-03-17,red,too wide",
        "11,\0,1,1,2025-03-17,red",
    )
    (directory / ODD).write_bytes((HEADER + "\n".join(lines) + "\n").encode())
    for path in directory.iterdir():
        os.utime(path, (AGE, AGE))
    return directory


def loaded(stage: Stage, directory: Path) -> Loaded:
    settings = stage.settings()
    now = pendulum.instance(stage.world.now)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        told = load(found_here(directory), warehouse, warehouse.pipeline(scratch), now=now)
        assert views_over(settings, warehouse, now) is None
    return told


def in_views(warehouse: Warehouse) -> dict[str, Rows]:
    return {
        model.name: rows_of(warehouse, model.name, model.query.named_selects) for model in VIEWS
    }


def lived(world: World, directory: Path, destination: str) -> list[dict[str, Rows]]:
    """What stands in tables and views after a load, an API sync and a file issued again."""
    directory.mkdir()
    with staged(Sandbox(world), directory, destination=destination) as stage:
        drops = dropped(world, directory / "drops")
        assert loaded(stage, drops).rejected == 1
        seen = [contents(stage)]
        assert stage.sync("subscriptions", now=pendulum.instance(world.now)).exit_code() == 0
        (drops / ODD).write_text(f"{HEADER}12,Tea,1,1,03/17/2025,\n")
        os.utime(drops / ODD, (AGE + 1, AGE + 1))
        assert loaded(stage, drops).known == len(EXPORTS)
        return [*seen, contents(stage)]


def contents(stage: Stage) -> dict[str, Rows]:
    with opened(stage.settings(), read_only=True) as warehouse:
        return in_tables(warehouse) | in_views(warehouse)


@pytest.fixture(scope="module")
def at_home(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Rows]]:
    directory = tmp_path_factory.mktemp("home") / "shop"
    return lived(world, directory, f"duckdb:///{directory}/w.duckdb")


@pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"])
def test_daily_files_are_the_same_in_every_engine(
    destination: str, world: World, at_home: list[dict[str, Rows]], tmp_path: Path
) -> None:
    found = lived(world, tmp_path / "shop", destination)
    for there, here in zip(found, at_home, strict=True):
        assert there.keys() == here.keys()
        for name, rows in here.items():
            assert there[name] == rows, name


def test_a_subscription_is_in_the_api_once_the_api_was_synced(
    at_home: list[dict[str, Rows]],
) -> None:
    place = next(m for m in VIEWS if m.name == "stg_sftp_crm_subscription").query.named_selects
    before, after = (
        {row[place.index("is_in_api")] for row in made["stg_sftp_crm_subscription"]}
        for made in at_home
    )
    assert (before, after) == ({"0.0000"}, {"1.0000"})


def test_what_a_file_issued_again_no_longer_has_is_gone(at_home: list[dict[str, Rows]]) -> None:
    before, after = ([row for row in made["sftp_orders"] if ODD in row] for made in at_home)
    assert (len(before), len(after)) == (4, 1)
    assert len(at_home[1]["sftp_rejected_rows"]) == 0
