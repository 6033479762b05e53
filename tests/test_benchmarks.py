"""The benchmarks at a size that measures nothing: whoever is compared has to do the same work."""

import json
import math
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2
import pytest

from sources.ordergroove.rows import schema_of
from tests.benchmarks.contestants import CONTESTANTS, FLOOR, PRODUCT, STOCK, Contestant, new_file
from tests.benchmarks.floor import ORDERS
from tests.benchmarks.growth import places
from tests.benchmarks.imports import names_in
from tests.benchmarks.measures import Plan
from tests.benchmarks.noise import Noise
from tests.benchmarks.processes import run_python
from tests.benchmarks.report import Result, as_json, markdown, typical
from tests.benchmarks.servers import Server, serving
from tests.benchmarks.webhooks import rates
from tests.servers import lacking

TABLES = {FLOOR: "main.orders", PRODUCT: "ordergroove.orders", STOCK: "stock.orders"}
MANY = 230


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each contestant's file after a first load, and an upsert of every tenth order."""
    directory = tmp_path_factory.mktemp("benchmarks")
    since = Plan(directory=directory, orders=MANY, rounds=1).since()
    made = {each.name: new_file(directory, each.name) for each in CONTESTANTS}

    def load(each: Contestant, server: Server, since: str) -> None:
        each.run(server, made[each.name], since=since)

    with serving(MANY) as server, ThreadPoolExecutor() as pool:
        list(pool.map(lambda each: load(each, server, ""), CONTESTANTS))
        assert server.touch("orders", every=10) == MANY / 10
        # what changes is a stamp, which is not compared with the stock source's
        rest = [each for each in CONTESTANTS if each.name != STOCK]
        list(pool.map(lambda each: load(each, server, since), rest))
    return made


def rows_of(name: str, file: Path, columns: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(f"select {columns} from {TABLES[name]} order by public_id")
        return found.fetchall()


def types_of(name: str, file: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(f"describe {TABLES[name]}").fetchall()
    return [row[:3] for row in found]


def test_the_floor_leaves_the_table_that_the_product_leaves(files: dict[str, Path]) -> None:
    columns = ", ".join(f'"{name}"' for name in schema_of(ORDERS).names if name != "_synced_at")

    floor, product = (rows_of(name, files[name], columns) for name in (FLOOR, PRODUCT))

    assert len(floor) == MANY
    assert floor == product
    assert types_of(FLOOR, files[FLOOR]) == types_of(PRODUCT, files[PRODUCT])


def test_the_stock_source_leaves_the_same_orders(files: dict[str, Path]) -> None:
    # the rest differs: dlt guesses the types, and reads naive stamps as UTC
    columns = "public_id, customer, status, total::decimal(18, 4)"

    stock, product = (rows_of(name, files[name], columns) for name in (STOCK, PRODUCT))

    assert stock == product


def test_an_upsert_brings_the_changed_tenth_and_doubles_nothing(files: dict[str, Path]) -> None:
    for name in (FLOOR, PRODUCT):
        rows = rows_of(name, files[name], "public_id, updated > created")
        assert sum(bool(is_changed) for _, is_changed in rows) == MANY // 10
        assert len({key for key, _ in rows}) == len(rows) == MANY


def test_a_contestant_that_fails_stops_the_benchmark_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such luck"):
        run_python(["-c", "raise SystemExit('no such luck')"], directory=tmp_path)


def test_a_process_is_charged_for_what_it_took(tmp_path: Path) -> None:
    cost = run_python(["-c", "print(len(bytes(80_000_000)))"], directory=tmp_path)

    assert cost.said == "80000000"
    assert cost.peak_mb > 80
    assert cost.cpu_s > 0


def result(value: float, *, goal: float | None = None) -> Result:
    return Result(
        measure="m", against="a", product="p", value=value, unit="x", bound=2.0, goal=goal
    )


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (result(2.0), "met"),
        (result(2.01), "MISSED"),
        (result(1.5, goal=1.3), "met"),
        (result(1.3, goal=1.3), "goal"),
        (result(math.nan, goal=1.3), "too small to tell"),
    ],
)
def test_a_result_says_whether_it_keeps_within_its_bound(made: Result, verdict: str) -> None:
    assert made.verdict == verdict
    assert markdown([made]).endswith(f"| {verdict} |")
    assert json.loads(as_json([made]))[0]["verdict"] == verdict


def test_what_could_not_be_told_is_null_in_json() -> None:
    assert '"value": null' in as_json([result(math.nan)])


def test_rounds_become_their_best_or_their_median() -> None:
    assert typical([3.0, 1.0, 2.0], is_median=False) == 1.0
    assert typical([3.0, 1.0, 2.0], is_median=True) == 2.0


def test_the_receiver_keeps_what_the_bare_application_only_answers(tmp_path: Path) -> None:
    bare, receiver = rates(tmp_path, 20)

    assert min(bare, receiver) > 0
    with sqlite3.connect(tmp_path / "webhooks.sqlite") as connection:
        assert connection.execute("select count(*) from ordergroove_inbox").fetchall() == [(20,)]
    connection.close()


def test_imports_are_read_from_the_interpreters_own_list() -> None:
    text = (
        "import time: self [us] | cumulative | imported package\n"
        "a warning in between\n"
        "import time:       114 |        114 |   dlt.common\n"
    )
    assert names_in(text) == ["dlt.common"]


def test_what_a_session_made_the_server_do_is_counted(tmp_path: Path) -> None:
    with places(tmp_path) as found:
        if "postgres" not in found:
            lacking("PostgreSQL")
        place = found["postgres"]
        before_s = place.server_cpu_s()
        with closing(psycopg2.connect(place.address("busy"))) as session:
            session.cursor().execute("select count(*) from generate_series(1, 3000000)")
        until = time.monotonic() + 60
        # the server notices a little later that the session has ended
        while place.server_cpu_s() <= before_s and time.monotonic() < until:
            time.sleep(0.05)

        assert place.server_cpu_s() > before_s


def test_noise_is_a_share_of_the_machine_or_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Noise()
    share = noise.share()
    assert share is None or 0 <= share <= 1

    monkeypatch.setattr("tests.benchmarks.noise.STAT", Path("/no/such/file"))
    assert noise.share() is None
    assert "not known" in noise.told()
