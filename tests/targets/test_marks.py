"""What vanished is marked in every kind of database, and compared alike."""

import json
from pathlib import Path
from random import Random

import pytest

from sources.ordergroove.sandbox import Rules, Sandbox
from tests.stories.stage import staged
from tests.stories.test_deletions import delete, merchant

NAMES = ("orders", "items", "product_groups")
COUNTS = (
    "select (select count(*) from orders where _deleted_at is not null) as orders,"
    " (select count(*) from items where _deleted_at is not null) as items,"
    " (select count(*) from product_groups where _deleted_at is not null) as product_groups"
)


@pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"])
def test_what_vanished_is_marked_and_nothing_else_differs(destination: str, tmp_path: Path) -> None:
    world = merchant(customers=15, now=None)
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path) as stage:
        first = stage.command("sync", *NAMES, destination=destination)
        assert first.returncode == 0, first.stderr
        orders, items = len(world.truth("orders")), len(world.truth("items"))
        delete(world, 0.3, Random(1))
        group = world.rows("product_groups")[0].record
        world.erase("product_groups", (group["group_type"], group["name"]))
        for _ in range(2):
            done = stage.command("sync", *NAMES, destination=destination)
            assert done.returncode == 0, done.stderr

        told = stage.command("query", COUNTS, "--json", destination=destination)

        assert json.loads(told.stdout) == [
            {
                "orders": orders - len(world.truth("orders")),
                "items": items - len(world.truth("items")),
                "product_groups": 1,
            }
        ]
        compared = stage.command("reconcile", *NAMES, "--deep", destination=destination)
        assert compared.returncode == 0, compared.stdout + compared.stderr
