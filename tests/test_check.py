"""`check` over real HTTP: each fault is found with its remedy, and nothing is changed."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
from pendulum import DateTime

from pipelines.ordergroove.checks.check import checks
from pipelines.ordergroove.checks.finding import Finding, exit_code_of, failed, passed, warned
from pipelines.ordergroove.checks.of_api import of_clock, of_zone
from pipelines.ordergroove.checks.of_warehouse import room, why_unwritable
from pipelines.ordergroove.checks.probe import Probe, latest_shown
from pipelines.ordergroove.checks.text import as_json, line_of, summary
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.warehouse import opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.page import Page
from sources.ordergroove.sandbox import Fault, Key, Rules, Sandbox, WithoutBulk, World
from tests.stories.stage import KEY, Stage, staged

ZONE = "America/New_York"
NAMES = "customers,orders,cancel_reasons"
SUMMER = pendulum.datetime(2026, 6, 10, 16)
NO_GRAPHQL = Fault(kind="403", entity="graphql")


@contextmanager
def merchant(
    directory: Path,
    *faults: Fault,
    seed: int = 3,
    customers: int = 6,
    zone: str = ZONE,
    now: DateTime | None = None,
    key: Key | None = None,
    **rules: Any,
) -> Iterator[Stage]:
    world = World(seed=seed, customers=customers, zone=zone, now=now, days=60, alive=False)
    keys = None if key is None else {KEY: key}
    made = Rules(is_ticking=True, **rules)
    with staged(Sandbox(world, keys=keys, faults=faults, rules=made), directory) as stage:
        yield stage


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A merchant of whom three object types were synced. Tests work with copies of the file."""
    with merchant(tmp_path_factory.mktemp("synced")) as stage:
        assert stage.sync("customers", "orders", "cancel_reasons").exit_code() == 0
        yield stage


@pytest.fixture
def settings(synced: Stage, tmp_path: Path) -> Settings:
    """Settings with a copy of the synced warehouse."""
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(synced.file.read_bytes())
    made = synced.settings(entities=NAMES, state_dir=str(tmp_path / "scratch"))
    return replace(made, destination=f"duckdb:///{copy}")


def file_in(settings: Settings) -> Path:
    return Path(settings.destination.removeprefix("duckdb:///"))


def found(settings: Settings, now: DateTime | None = None) -> list[Finding]:
    return list(checks(settings, now=now))


def faults_of(findings: list[Finding]) -> dict[str, str]:
    """Name and verdict of what did not pass."""
    return {f.name: f.verdict for f in findings if f.verdict != "pass"}


def named(findings: list[Finding], name: str) -> Finding:
    """The gravest finding of that name."""
    return max((f for f in findings if f.name == name), key=lambda f: f.exit_code)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_before_the_first_sync_everything_passes_and_nothing_is_made(tmp_path: Path) -> None:
    with merchant(tmp_path) as stage:
        findings = found(stage.settings())

    assert faults_of(findings) == {}
    assert exit_code_of(findings) == 0
    assert "will be created" in named(findings, "destination").what
    assert list(tmp_path.iterdir()) == []


def test_after_a_sync_everything_passes_and_no_byte_changes(settings: Settings) -> None:
    directory = file_in(settings).parent
    before = contents(directory)

    findings = found(settings)

    assert faults_of(findings) == {}
    assert {"merchant", "state", "restore", "last run"} <= {f.name for f in findings}
    assert contents(directory) == before
    assert [path.name for path in directory.iterdir()] == ["warehouse.duckdb"]


def test_the_log_of_a_crashed_run_is_left_as_it_is(settings: Settings) -> None:
    file = file_in(settings)
    code = (
        "import duckdb, os, sys; warehouse = duckdb.connect(sys.argv[1]);"
        " warehouse.execute('create table ordergroove.half_done (x int)'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], timeout=60)
    before = contents(file.parent)
    assert any(name.endswith(".wal") for name in before)

    assert faults_of(found(settings)) == {}

    assert contents(file.parent) == before


def test_each_list_is_asked_politely_and_no_more_than_twice(tmp_path: Path) -> None:
    with merchant(tmp_path) as stage:
        found(stage.settings())

        asked = Counter(call.entity for call in stage.sandbox.calls if call.entity)
        # one more, of another season, where the first page cannot prove the zone
        asked["orders"] = min(asked["orders"], 2)
        assert asked == {name: 2 if made.changes else 1 for name, made in ENTITIES.items()}
        for name in ENTITIES:
            mine = [call for call in stage.sandbox.calls if call.entity == name]
            assert all(b.started >= a.ended for a, b in pairwise(mine))


def test_a_missing_key_is_told_and_the_warehouse_is_looked_at_all_the_same(
    settings: Settings,
) -> None:
    findings = found(replace(settings, api_key=None))

    assert faults_of(findings) == {"settings": "fail"}
    assert "ORDERGROOVE_API_KEY" in named(findings, "settings").do
    assert named(findings, "state").verdict == "pass"
    assert exit_code_of(findings) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_everywhere_ends_with_seven(tmp_path: Path, status: int) -> None:
    with merchant(tmp_path, refusal_status=status) as stage:
        findings = found(stage.settings(api_key="another-key"))

    assert faults_of(findings) == {"key": "fail"}
    assert str(status) in named(findings, "key").what
    assert named(findings, "host").verdict == "pass"
    assert exit_code_of(findings) == 7


def test_a_host_that_does_not_answer_ends_with_six(settings: Settings) -> None:
    silent = replace(
        settings, base_url="http://127.0.0.1:9", retry_limit=timedelta(milliseconds=200)
    )
    findings = found(silent)

    assert faults_of(findings) == {"host": "fail"}
    assert "network" in named(findings, "host").do
    assert exit_code_of(findings) == 6


@pytest.mark.parametrize("kind", ["404", "200 html", "302", "410"])
def test_a_server_that_is_not_ordergroove_is_a_matter_of_settings(
    tmp_path: Path, kind: str
) -> None:
    with merchant(tmp_path, Fault(kind=kind)) as stage:
        findings = found(stage.settings())

    assert faults_of(findings) == {"host": "fail"}
    assert "base URL" in named(findings, "host").do
    assert exit_code_of(findings) == 2


@pytest.mark.parametrize("shown", list(WithoutBulk))
def test_a_key_without_the_bulk_permission_is_found_out(tmp_path: Path, shown: WithoutBulk) -> None:
    with merchant(tmp_path, key=Key(bulk=False), without_bulk=shown) as stage:
        findings = found(stage.settings(entities="orders,products"))

    finding = named(findings, "bulk permission")
    assert finding.verdict == "fail"
    assert "Bulk Operations" in finding.do
    assert exit_code_of(findings) == 5


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_list_that_is_not_available_is_a_warning_and_no_failure(
    tmp_path: Path, status: str
) -> None:
    with merchant(tmp_path, Fault(kind=status, entity="resources")) as stage:
        findings = found(stage.settings())

    assert faults_of(findings) == {"lists": "warn"}
    (warning,) = (f for f in findings if f.verdict == "warn")
    assert "resources" in warning.what
    assert "ORDERGROOVE_ENTITIES" in warning.do
    assert exit_code_of(findings) == 0


@pytest.mark.parametrize("kind", ["500", "400", "200 html", "401"])
def test_a_list_that_fails_while_others_answer_is_named(tmp_path: Path, kind: str) -> None:
    with merchant(tmp_path, Fault(kind=kind, entity="items")) as stage:
        findings = found(stage.settings(retry_limit="0.2s", entities="customers,items,orders"))

    assert faults_of(findings) == {"items": "fail"}
    assert "2 of 3 answer" in named(findings, "lists").what
    assert exit_code_of(findings) == 5


def test_customers_that_do_not_answer_leave_the_permission_open(tmp_path: Path) -> None:
    with merchant(tmp_path, Fault(kind="500", entity="customers")) as stage:
        findings = found(stage.settings(retry_limit="0.2s", entities="orders"))

    assert faults_of(findings) == {"bulk permission": "warn"}


@pytest.mark.parametrize(
    ("skew_s", "verdict"),
    [(0, "pass"), (50, "pass"), (-50, "pass"), (90, "warn"), (-90, "warn"), (-3700, "fail")],
)
def test_a_clock_may_differ_by_a_minute_and_must_not_by_an_hour(
    tmp_path: Path, skew_s: int, verdict: str
) -> None:
    with merchant(tmp_path, now=SUMMER, skew_s=skew_s) as stage:
        clock = named(found(stage.settings(entities="customers"), SUMMER), "clock")

    assert clock.verdict == verdict
    if verdict != "pass":
        assert ("behind" if skew_s > 0 else "ahead of") in clock.what


def test_answers_without_a_date_leave_the_clock_open() -> None:
    page = Page(records=[], next=None, body=b"", fetched_at=SUMMER, server_ahead_s=None)
    assert of_clock([Probe(entity=ENTITIES["orders"], page=page)]).verdict == "warn"


@pytest.mark.parametrize(
    ("true", "set_to", "remedies"),
    [
        ("UTC", "America/New_York", {"UTC"}),
        ("UTC", "America/Chicago", {"UTC"}),
        ("America/New_York", "America/Chicago", {"America/New_York", "UTC"}),
    ],
)
def test_a_change_stamped_in_the_future_proves_the_zone_wrong(
    tmp_path: Path, true: str, set_to: str, remedies: set[str]
) -> None:
    with merchant(tmp_path, NO_GRAPHQL, zone=true, now=SUMMER) as stage:
        stage.world.create_customer()
        findings = found(stage.settings(timezone=set_to), SUMMER)

    zone = named(findings, "zone")
    assert faults_of(findings) == {"zone": "fail"}
    assert {name for name in (ZONE, "America/Chicago", "UTC") if name in zone.do} == remedies
    assert "--full-refresh" in zone.do
    assert exit_code_of(findings) == 5


@pytest.mark.parametrize("true", ["America/New_York", "America/Chicago"])
def test_a_zone_that_may_be_right_passes_without_a_claim(tmp_path: Path, true: str) -> None:
    with merchant(tmp_path, NO_GRAPHQL, zone=true, now=SUMMER) as stage:
        stage.world.create_customer()
        zone = named(found(stage.settings(timezone=ZONE), SUMMER), "zone")

    assert zone.verdict == "pass"
    assert "not proved" in zone.what


def test_the_zone_is_judged_by_ordergrooves_clock_and_not_by_ours(tmp_path: Path) -> None:
    with merchant(tmp_path, now=SUMMER) as stage:
        stage.world.create_customer()
        findings = found(stage.settings(), SUMMER.subtract(hours=3))

    assert faults_of(findings) == {"clock": "fail"}


def test_in_autumn_what_was_stamped_before_the_clock_went_back_is_not_of_the_future(
    tmp_path: Path,
) -> None:
    # the clock shows 01:05 for the second time; this was stamped at 01:55, ten minutes ago
    now = pendulum.datetime(2026, 11, 1, 6, 5)
    with merchant(tmp_path, now=now.subtract(minutes=10)) as stage:
        stage.world.create_customer()
        stage.world.advance(minutes=10)
        findings = found(stage.settings(), now)

    assert faults_of(findings) == {}
    assert latest_shown(now, ZONE) == datetime(2026, 11, 1, 2, 5)  # noqa: DTZ001 - a wall clock


def test_a_stamp_of_another_age_proves_nothing_about_the_zone(settings: Settings) -> None:
    until = datetime(2026, 6, 10, 12)  # noqa: DTZ001 - a wall clock
    page = Page(records=[], next=None, body=b"", fetched_at=SUMMER, server_ahead_s=0.0)
    wild = [until + timedelta(days=365_000)]
    probe = Probe(entity=ENTITIES["orders"], page=page, stamps=wild, until=until)

    assert of_zone(settings, [probe]).verdict == "pass"
    nearer = replace(probe, stamps=[until + timedelta(hours=3)])
    assert of_zone(settings, [nearer]).verdict == "fail"
    assert of_zone(settings, [replace(probe, until=None)]).verdict == "warn"


def test_a_filter_that_is_ignored_is_told(tmp_path: Path) -> None:
    with merchant(tmp_path, Fault(kind="ignore filter", entity="orders")) as stage:
        findings = found(stage.settings())

    assert faults_of(findings) == {"filters": "warn"}
    assert "orders" in named(findings, "filters").what


@pytest.mark.parametrize("only_reads", [False, True])
def test_a_program_that_holds_the_warehouse_is_named(settings: Settings, only_reads: bool) -> None:
    code = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'True');"
        " print('open', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, str(file_in(settings)), str(only_reads)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        findings = found(settings)
        holder.communicate()

    assert faults_of(findings) == {"lock": "fail"}
    assert f"process {holder.pid}," in named(findings, "lock").what
    assert exit_code_of(findings) == 4


@pytest.mark.parametrize(
    ("destination", "word"),
    [
        ("duckdb:///{here}", "is a directory"),
        ("duckdb:///{here}/note.txt/warehouse.duckdb", "no directory"),
        ("duckdb:///{here}/note.txt", "DuckDB file"),
    ],
)
def test_a_destination_that_cannot_be_written_is_told_and_left_alone(
    settings: Settings, tmp_path: Path, destination: str, word: str
) -> None:
    (tmp_path / "note.txt").write_text("This is no database, whatever its name. " * 500)
    before = contents(tmp_path)

    findings = found(replace(settings, destination=destination.format(here=tmp_path)))

    wrong = named(findings, "destination")
    assert faults_of(findings) == {"destination": "fail"}
    assert word in wrong.what + wrong.do
    assert exit_code_of(findings) == 2
    assert contents(tmp_path) == before


def test_a_destination_of_another_kind_is_told(settings: Settings) -> None:
    findings = found(replace(settings, destination="oracle://u:secret@h/x"))

    assert faults_of(findings) == {"destination": "fail"}
    assert "secret" not in as_json(findings)
    assert exit_code_of(findings) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try somebody else's rights")
def test_rights_to_file_and_directory_are_looked_up(tmp_path: Path) -> None:
    place, file = Path("/tmp") / tmp_path.name, "warehouse.duckdb"  # noqa: S108 - all may go there
    place.mkdir(mode=0o755)
    with ExitStack() as undo:
        undo.callback(place.rmdir)
        undo.callback(os.seteuid, os.geteuid())
        (place / file).touch(mode=0o444)
        undo.callback((place / file).unlink)
        undo.callback(os.seteuid, 0)
        os.seteuid(65_534)
        assert "read and write it" in (why_unwritable(place / file) or "")
        assert "write to" in (why_unwritable(place / "new" / file) or "")
        assert why_unwritable(Path("/tmp") / file) is None  # noqa: S108 - all may write there


def test_places_for_scratch_and_read_copy_are_looked_at_too(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "note").write_text("a file")
    below = tmp_path / "note" / "below"
    findings = found(replace(settings, state_dir=below, publish=below / "copy.duckdb"))

    assert faults_of(findings) == {"scratch files": "fail", "read copy": "fail"}
    assert "--state-dir" in named(findings, "scratch files").do
    assert "--publish" in named(findings, "read copy").do


def test_a_damaged_file_is_told(settings: Settings) -> None:
    file = file_in(settings)
    whole = file.read_bytes()
    file.write_bytes(whole[:12_288] + os.urandom(len(whole) - 12_288))

    findings = found(settings)

    assert faults_of(findings) == {"destination": "fail"}
    assert exit_code_of(findings) == 2


def test_tables_that_cannot_be_read_are_told_and_hide_nothing_else(settings: Settings) -> None:
    with duckdb.connect(str(file_in(settings))) as connection:
        connection.execute("alter table ordergroove._dlt_loads rename inserted_at to other")

    findings = found(settings)

    assert faults_of(findings) == {"state": "fail"}
    assert "backup" in named(findings, "state").do
    assert named(findings, "disk").verdict == "pass"
    assert exit_code_of(findings) == 2


def test_another_merchants_warehouse_is_found_out(settings: Settings, tmp_path: Path) -> None:
    with merchant(tmp_path / "other", seed=4) as other:
        findings = found(replace(settings, base_url=other.url))

    assert faults_of(findings) == {"merchant": "fail"}
    assert "another merchant" in named(findings, "merchant").what
    assert exit_code_of(findings) == 2


def test_another_zone_than_the_warehouses_is_found_out(settings: Settings) -> None:
    findings = found(replace(settings, timezone="Europe/Berlin"))

    assert faults_of(findings) == {"zone": "fail", "state": "fail"}
    assert "--full-refresh" in named(findings, "state").do
    assert named(findings, "restore").verdict == "pass"
    assert exit_code_of(findings) == 2


def test_a_restore_that_is_switched_off_is_found_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTORE_FROM_DESTINATION", "false")
    findings = found(settings)

    assert faults_of(findings) == {"restore": "fail"}
    assert exit_code_of(findings) == 2


def test_a_last_run_in_the_future_is_found_out(settings: Settings) -> None:
    findings = found(settings, pendulum.now("UTC").subtract(minutes=30))

    assert faults_of(findings) == {"clock": "warn", "last run": "fail", "state": "fail"}
    assert exit_code_of(findings) == 2


def test_a_state_that_is_not_readable_is_found_out(settings: Settings) -> None:
    with duckdb.connect(str(file_in(settings))) as connection:
        connection.execute("update ordergroove._dlt_pipeline_state set state = 'nonsense'")
    findings = found(settings)

    assert faults_of(findings) == {"state": "fail"}
    assert "not readable" in named(findings, "state").what
    assert exit_code_of(findings) == 2


def test_one_position_that_is_not_readable_names_its_entity(settings: Settings) -> None:
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        pipeline = warehouse.pipeline(scratch)
        with pipeline.managed_state() as state:
            state["sources"]["ordergroove"]["resources"]["orders"]["watermark"] = "yesterday"
        pipeline.sync_destination()
        load_nothing(pipeline)
    findings = found(settings)

    assert faults_of(findings) == {"state": "fail"}
    assert "--full-refresh orders" in named(findings, "state").do
    assert exit_code_of(findings) == 5


def load_nothing(pipeline: Any) -> None:
    """A package without rows, which carries the changed state into the warehouse."""
    pipeline.run([], table_name="nothing")


@pytest.mark.parametrize(
    ("size_mb", "free_mb", "copies", "verdict"),
    [
        (0, 600, 1, "pass"),
        (0, 500, 1, "warn"),
        (2_000, 2_100, 1, "pass"),
        (2_000, 1_900, 1, "warn"),
        (2_000, 2_100, 2, "warn"),
    ],
)
def test_a_disk_without_room_for_a_second_file_of_that_size_is_a_warning(
    size_mb: int, free_mb: int, copies: int, verdict: str
) -> None:
    finding = room(size=size_mb * 2**20, free=free_mb * 2**20, copies=copies)
    assert finding.verdict == verdict
    assert finding.exit_code == 0


@pytest.mark.parametrize(
    ("codes", "wins"),
    [((), 0), ((5, 6), 6), ((6, 4), 4), ((4, 7), 7), ((7, 2, 5), 2), ((5,), 5)],
)
def test_the_gravest_finding_decides_the_exit_code(codes: tuple[int, ...], wins: int) -> None:
    findings = [failed("x", "What.", "Do.", code) for code in codes]
    assert exit_code_of([passed("y", "Good."), warned("z", "Odd.", "Do."), *findings]) == wins


def test_a_fault_without_a_remedy_is_no_finding() -> None:
    with pytest.raises(ValueError, match="what to do"):
        warned("x", "What.", "")
    with pytest.raises(ValueError, match="exit code"):
        Finding(name="x", verdict="pass", what="Good.", exit_code=2)


def test_text_and_json_tell_the_same_and_never_the_key(settings: Settings) -> None:
    findings = found(settings)
    text = "\n".join([*map(line_of, findings), summary(findings)])
    told = json.loads(as_json(findings))

    assert told["exit_code"] == 0
    assert [(f["name"], f["what"]) for f in told["findings"]] == [
        (f.name, f.what) for f in findings
    ]
    assert all(finding["what"] in text for finding in told["findings"])
    assert "Nothing stands in the way" in text
    assert KEY not in text + as_json(findings)


def test_the_remedy_stands_below_what_was_found() -> None:
    lines = line_of(failed("clock", "It is late.", "Set it right.")).splitlines()
    assert lines[0].split() == ["fail", "clock", "It", "is", "late."]
    assert lines[1].strip() == "-> Set it right."
    assert "1 fail" in summary([failed("clock", "It is late.", "Set it right.")])


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_words_are_broken_under_themselves(width: int) -> None:
    what = "The zone of Ordergroove's stamps is not the setting's. " * 3
    address = "duckdb:////srv/" + "shop/" * 30
    finding = failed("zone", what.strip(), f"Set ORDERGROOVE_TIMEZONE, or another one: {address}")
    first, *lines = line_of(finding, width).splitlines()
    assert max(len(line) for line in (first, *lines) if address not in line) <= width
    assert first.startswith("fail  zone            The zone")
    assert all(line.startswith(" " * 22) for line in lines)
    assert any(line.strip() == address for line in lines)
    assert " ".join("\n".join((first, *lines)).split()) == " ".join(line_of(finding).split())
