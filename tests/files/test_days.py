"""Two months of daily files, as they came and in any order, beside the API of the last day."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pendulum
import pytest

from pipelines.ordergroove.files.found import Found, found_here
from pipelines.ordergroove.files.load import Loaded, load
from pipelines.ordergroove.sql_layer.after import views_over
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.sandbox import Sandbox, World
from sources.ordergroove.sandbox.exports import EXPORTS, NAMINGS, drop
from tests.files.contents import in_tables, shown
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, staged

DAYS = 60
# the clock change lies inside; far enough ahead that no machine's clock is there yet
START = datetime(2035, 2, 10, 12, tzinfo=UTC)

# what the files tell, and what the API tells of the same
PAIRS = {
    "subscriptions": (
        """
        select subscription_id, customer_id, product_id, quantity, frequency_days,
            merchant_order_id, cast(created_local as date)
        from stg_sftp_crm_subscription
        where is_latest and is_live
        """,
        """
        select subscription_id, customer_id, product_id, quantity, frequency_days,
            merchant_order_id, created_date
        from stg_subscriptions
        where is_live and not is_deleted
        """,
    ),
    "subscribers": (
        """
        select customer_id, count(*) from stg_sftp_subscription
        where is_latest and is_in_api group by customer_id
        """,
        """
        select customer_id, count(*) from stg_subscriptions
        where not is_deleted group by customer_id
        """,
    ),
    "orders": (
        """
        select merchant_order_id, customer_id, place_date, max(order_sub_total), sum(quantity)
        from stg_sftp_orders where is_latest and status_name = 'Success' group by 1, 2, 3
        """,
        """
        select merchant_order_id, customer_id, place_date, max(sub_total), sum(quantity)
        from stg_orders join stg_items using (order_id)
        where status_code = 5 and not stg_items.is_deleted group by 1, 2, 3
        """,
    ),
    "orders by status": (
        """
        select status_name, count(distinct ordergroove_order_id)
        from stg_sftp_orders where is_latest group by status_name
        """,
        """
        select case status_code when 3 then 'Rejected' when 4 then 'Cancelled'
            when 5 then 'Success' else 'Status ' || status_code end, count(distinct order_id)
        from stg_orders join stg_items using (order_id)
        where status_code <> 1 and not stg_orders.is_deleted group by 1
        """,
    ),
}


class Shop:
    """A merchant after two months, the files of each day, and what is loaded from them."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.world = World(
            seed=3, customers=12, zone="America/New_York", days=90, now=START, alive=True
        )
        self.drops = directory / "drops"
        self.drops.mkdir()
        self.live()
        self.stages = {
            name: stack.enter_context(staged(Sandbox(self.world), self.made(directory / name)))
            for name in ("in_order", "shuffled")
        }

    @staticmethod
    def made(directory: Path) -> Path:
        directory.mkdir()
        return directory

    def live(self) -> None:
        """A full export at the first midnight, then a delta at each, named in all ways."""
        rng = Random(5)
        central = self.world.shop.central
        for day in range(DAYS + 1):
            midnight = central.instant(self.world.shop.today + 1)
            something_happens(self.world, rng, 3 if day else 0)
            self.world.advance(seconds=midnight - self.world.shop.now)
            for report in EXPORTS:
                path = drop(
                    self.world,
                    self.drops,
                    report,
                    kind="delta" if day else "full",
                    naming=[*NAMINGS][day % len(NAMINGS)],
                )
                os.utime(path, (midnight, midnight))

    def load(self, name: str, found: Sequence[Found]) -> Loaded:
        settings = self.stages[name].settings()
        now = pendulum.instance(self.world.now)
        with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
            told = load(found, warehouse, warehouse.pipeline(scratch), now=now)
            assert views_over(settings, warehouse, now) is None
        return told

    def tables(self, name: str) -> dict[str, list[tuple[str, ...]]]:
        with opened(self.stages[name].settings(), read_only=True) as warehouse:
            return in_tables(warehouse)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with ExitStack() as stack:
        made = Shop(tmp_path_factory.mktemp("shop"), stack)
        found = found_here(made.drops)
        assert len(found) == (DAYS + 1) * len(EXPORTS)
        told = made.load("in_order", found)
        assert (told.refused, told.rejected, told.files) == ([], 0, len(found))
        yield made


def test_files_in_any_order_some_twice_and_one_cut_off_end_in_the_same_tables(shop: Shop) -> None:
    rng = Random(7)
    big = sorted(shop.drops.iterdir(), key=lambda path: path.stat().st_size)[-2:]
    whole = [(path, path.read_bytes(), path.stat().st_mtime) for path in big]
    # one is cut off within a line, the other, which cannot be seen, between two
    for (path, body, age), cut in zip(whole, (b"\n12", b"\n"), strict=True):
        half = body[: body.index(b"\n", len(body) // 2)]
        path.write_bytes(half + cut)
        os.utime(path, (age - 60, age - 60))
    found = found_here(shop.drops)
    rng.shuffle(found)
    parts = [[*found[start::6], *rng.sample(found[(start + 1) % 6 :: 6], 5)] for start in range(6)]
    refused = [reason for part in parts for reason in shop.load("shuffled", part).refused]
    assert {reason.partition(":")[0] for reason in refused} == {whole[0][0].name}

    for path, body, age in whole:
        path.write_bytes(body)
        os.utime(path, (age, age))
    assert shop.load("shuffled", found_here(shop.drops)).files == 2
    tables = shop.tables("in_order")
    assert all(tables[f"sftp_{report}"] for report in EXPORTS)
    assert shop.tables("shuffled") == tables
    assert shop.load("shuffled", found_here(shop.drops)).known == len(found)


@pytest.fixture(scope="module")
def synced(shop: Shop) -> Stage:
    stage = shop.stages["in_order"]
    now = pendulum.instance(shop.world.now)
    assert stage.sync(now=now).exit_code() == 0
    settings = stage.settings()
    with opened(settings) as warehouse:
        assert views_over(settings, warehouse, now) is None
    return stage


@pytest.mark.parametrize("subject", PAIRS)
def test_the_files_tell_the_same_as_the_api_at_the_end_of_that_day(
    subject: str, synced: Stage
) -> None:
    by_files, by_api = (shown(synced.query(sql)) for sql in PAIRS[subject])
    assert by_files == by_api
    assert len(by_files) > 2


def test_a_subscription_of_a_file_leads_to_the_customer_of_the_api(synced: Stage) -> None:
    ((rows, led),) = synced.query(
        "select count(*), count(customers.customer_id) from stg_sftp_crm_subscription as told"
        " left join stg_customers as customers on customers.customer_id = told.customer_id"
    )
    assert rows == led > 0
