"""`check` proves the zone of Ordergroove's stamps, or says which one to set."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest
from pendulum import DateTime

from pipelines.ordergroove.checks.check import checks
from pipelines.ordergroove.checks.finding import Finding, exit_code_of
from pipelines.ordergroove.graphql.zone import Pair, pairs_of, verdict
from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.stories.stage import Stage, staged

EASTERN, CENTRAL = "America/New_York", "America/Chicago"
ZONES = (EASTERN, CENTRAL, "EST", "UTC")
SUMMER = pendulum.datetime(2026, 7, 20, 16)
AUTUMN_CHANGE = pendulum.datetime(2025, 11, 2, 6, 30)


@contextmanager
def merchant(
    directory: Path, *faults: Fault, zone: str, now: DateTime, days: int = 400, **rules: Any
) -> Iterator[Stage]:
    world = World(seed=3, customers=6, zone=zone, now=now, days=days, alive=False)
    sandbox = Sandbox(world, faults=faults, rules=Rules(is_ticking=True, **rules))
    with staged(sandbox, directory) as stage:
        yield stage


def found(stage: Stage, now: DateTime, zone: str = EASTERN) -> list[Finding]:
    return list(checks(stage.settings(timezone=zone, entities="customers,orders"), now=now))


def zone_in(findings: list[Finding]) -> Finding:
    (zone,) = (finding for finding in findings if finding.name == "zone")
    return zone


@pytest.mark.parametrize("now", [SUMMER, AUTUMN_CHANGE], ids=["summer", "autumn change"])
@pytest.mark.parametrize("true", ZONES)
def test_the_right_zone_is_named_whatever_was_set(tmp_path: Path, true: str, now: DateTime) -> None:
    with merchant(tmp_path, zone=true, now=now) as stage:
        # in the hour that is shown twice
        stage.world.create_customer()
        proofs = {zone: zone_in(found(stage, now, zone)) for zone in (EASTERN, CENTRAL, "EST")}

    for zone, proof in proofs.items():
        if zone == true:
            assert (proof.verdict, proof.exit_code) == ("pass", 0)
            assert f"are by the clock of {true}." in proof.what
            assert "winter and summer" in proof.what
            assert "would fit" not in proof.what
        else:
            assert (proof.verdict, proof.exit_code) == ("fail", 5)
            assert proof.do.startswith(f"Set ORDERGROOVE_TIMEZONE={true}, then")


@pytest.mark.parametrize("hour", [5, 6, 7])
@pytest.mark.parametrize("true", [EASTERN, CENTRAL])
def test_stamps_of_the_hour_that_is_shown_twice_fit_their_zone_only(
    tmp_path: Path, true: str, hour: int
) -> None:
    now = AUTUMN_CHANGE.replace(hour=hour)
    with merchant(tmp_path, zone=true, now=now, days=1) as stage:
        customer = stage.world.create_customer()
        stage.world.subscribe(customer)
        right = zone_in(found(stage, now, true))
        wrong = zone_in(found(stage, now, CENTRAL if true == EASTERN else EASTERN))

    assert right.verdict == "pass"
    assert "Proved" in right.what
    assert wrong.verdict == "fail"
    assert f"ORDERGROOVE_TIMEZONE={true}" in wrong.do


def test_stamps_of_one_season_say_which_zones_they_cannot_tell_apart(tmp_path: Path) -> None:
    now = pendulum.datetime(2026, 1, 20, 16)
    with merchant(tmp_path, zone=EASTERN, now=now, days=40) as stage:
        proof = zone_in(found(stage, now))

    assert proof.verdict == "pass"
    assert "of winter" in proof.what
    assert "EST would fit them as well" in proof.what


def test_few_records_are_enough(tmp_path: Path) -> None:
    now = SUMMER
    with merchant(tmp_path, zone="EST", now=now) as stage:
        orders = stage.world.rows("orders")
        assert len(orders) > 20
        proof = zone_in(found(stage, now, EASTERN))
        asked = [call for call in stage.sandbox.calls if call.path.startswith("/graphql/")]

    assert f"{2 * len(asked)} stamps" in proof.what
    assert len(asked) <= 4


@pytest.mark.parametrize("kind", ["401", "403", "404", "410", "400", "503", "not json"])
def test_without_graphql_nothing_fails_and_the_zone_is_left_open(tmp_path: Path, kind: str) -> None:
    with merchant(tmp_path, Fault(kind=kind, entity="graphql"), zone=EASTERN, now=SUMMER) as stage:
        settings = stage.settings(entities="customers,orders", retry_limit="0.2s")
        findings = list(checks(settings, now=SUMMER))

    assert exit_code_of(findings) == 0
    assert "not proved" in zone_in(findings).what
    (told,) = (finding for finding in findings if finding.name == "graphql")
    assert (told.verdict == "warn") == (kind == "410")


def test_the_end_of_the_version_is_a_warning_with_the_days_left(tmp_path: Path) -> None:
    sunsets = {"2026-01": datetime.now(UTC) + timedelta(days=40, hours=1)}
    with merchant(tmp_path, zone=EASTERN, now=SUMMER, sunsets=sunsets) as stage:
        findings = found(stage, SUMMER)

    (told,) = (finding for finding in findings if finding.name == "graphql")
    assert told.verdict == "warn"
    assert "in 40 days" in told.what
    assert exit_code_of(findings) == 0


def test_a_stamp_that_moved_between_the_reads_proves_nothing() -> None:
    record = {"created": "2026-07-01 12:00:00", "updated": "2026-07-01 12:00:00"}
    answer = {"created": "2026-07-01T11:00:00-05:00", "updated": "2026-07-01T11:07:31-05:00"}
    (pair,) = pairs_of(record, answer)
    assert pair.offset == timedelta(hours=-4)


@pytest.mark.parametrize("answer", [{}, {"created": None}, {"created": "2026-07-01 11:00:00"}])
def test_an_answer_without_offset_proves_nothing(answer: dict[str, Any]) -> None:
    assert list(pairs_of({"created": "2026-07-01 12:00:00"}, answer)) == []


@pytest.mark.parametrize(
    ("hours", "remedy"),
    [
        ((-7, -7), "ORDERGROOVE_TIMEZONE=Etc/GMT+7"),
        ((2, 2), "ORDERGROOVE_TIMEZONE=Etc/GMT-2"),
        ((-8, -7), "support"),
        ((5.5, 5.5), "support"),
    ],
)
def test_a_zone_that_no_page_names_is_told_by_its_offset(
    hours: tuple[float, float], remedy: str
) -> None:
    instants = (datetime(2026, 1, 5, 12, tzinfo=UTC), datetime(2026, 7, 5, 12, tzinfo=UTC))
    pairs = [
        Pair(local=instant.replace(tzinfo=None) + timedelta(hours=by), instant=instant)
        for instant, by in zip(instants, hours, strict=True)
    ]
    finding = verdict(EASTERN, pairs)
    assert finding.verdict == "fail"
    assert remedy in finding.do
    assert verdict("UTC", [replace(pairs[0], local=instants[0].replace(tzinfo=None))]).what
