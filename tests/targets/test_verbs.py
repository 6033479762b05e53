"""The commands that people type, on a server and a file other than DuckDB's."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest

from pipelines.ordergroove.plan import dry_run
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.query import answer, to_csv, to_parquet
from pipelines.ordergroove.warehouse import opened
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.sandbox import Rules, Sandbox, World
from tests.servers import QUOTED_PASSWORD
from tests.stories.stage import Stage, staged

pytestmark = pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"])


@pytest.fixture
def stage(destination: str, tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=3, customers=12, zone="America/New_York", days=60)
    sandbox = Sandbox(world, rules=Rules(is_ticking=True))
    with staged(sandbox, tmp_path, destination=destination) as made:
        yield made


def said(stage: Stage, *words: str, code: int = 0, **settings: str) -> str:
    done = stage.command(*words, **settings)
    assert done.returncode == code, done.stdout + done.stderr
    assert QUOTED_PASSWORD not in done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_from_check_to_answer(stage: Stage) -> None:
    told = said(stage, "status", code=2)
    assert "Nothing has been synced" in told or "There is no warehouse" in told
    said(stage, "check")
    said(stage, "sync")
    status = json.loads(said(stage, "status", "--json", "--max-age", "1h"))
    live = {made["entity"]: made["live"] for made in status["entities"]}
    assert live["orders"] == len(stage.truth("orders"))
    assert status["runs"][0]["statuses"] == {"done": 12}
    answer = said(stage, "query", "select count(*) as orders, max(total) as top from orders")
    assert str(live["orders"]) in answer


def test_a_plan_of_a_first_run_is_made_without_writing(stage: Stage) -> None:
    assert {plan.does for plan in dry_run(stage.settings(), ["orders"], Ask())} == {"everything"}
    assert stage.tables() == set()


def test_answers_are_written_and_refused_in_the_engines_own_words(stage: Stage) -> None:
    stage.sync("orders")
    orders = len(stage.truth("orders"))
    file = stage.directory / "orders.parquet"
    with opened(stage.settings(), read_only=True) as warehouse:
        assert to_parquet(warehouse, "select * from orders", file) == orders
    assert pyarrow.parquet.read_table(file).num_rows == orders
    text = io.StringIO()
    with opened(stage.settings(), read_only=True) as warehouse:
        to_csv(answer(warehouse, "select public_id, total from orders"), text)
    assert len(list(csv.reader(text.getvalue().splitlines()))) == 1 + orders
    for question in ("delete from orders", "select 1; select 2", "select nothing from orders", ""):
        assert refusal(stage, question).state == "Nothing was written."
    assert "orders" in refusal(stage, "select * from nowhere").do
    assert len(stage.rows("orders")) == orders


def test_one_connection_answers_one_question_after_the_other(stage: Stage) -> None:
    stage.sync("orders")
    orders = len(stage.truth("orders"))
    question = "select public_id from orders"
    with opened(stage.settings(), read_only=True) as warehouse:
        for _ in range(2):
            assert len(list(answer(warehouse, question).rows)) == orders
            with pytest.raises(ConfigError):
                answer(warehouse, "select nothing from orders")
        assert warehouse.rows(f"select count(*) from {warehouse.table('orders')}") == [(orders,)]


def refusal(stage: Stage, question: str) -> ConfigError:
    with (
        opened(stage.settings(), read_only=True) as warehouse,
        pytest.raises(ConfigError) as caught,
    ):
        list(answer(warehouse, question).rows)
    return caught.value
