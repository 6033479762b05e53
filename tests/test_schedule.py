"""`schedule`: the daily run at a good hour on every machine's clock, ready to be put in place."""

import re
import shutil
import subprocess
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipelines.ordergroove.schedule import (
    Job,
    as_json,
    as_text,
    cron_line,
    job_here,
    machine_zone,
    plan,
    systemd_units,
    time_asked,
)
from sources.ordergroove.errors import ConfigError

TODAY = date(2026, 11, 21)
CST = timezone(timedelta(hours=-6))
ZONES = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "America/Phoenix",
    "Europe/Berlin",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
)


def job(directory: Path = Path("/srv/shop"), **other: object) -> Job:
    given: dict[str, object] = {
        "command": ("/opt/venv/bin/ordergroove",),
        "directory": directory,
        "log": directory / "ordergroove.log",
        "env_file": directory / "ordergroove.env",
    }
    return Job(**(given | other))  # type: ignore[arg-type]  # the test's own few fields


@pytest.mark.parametrize("zone", ZONES)
def test_the_time_proposed_lies_in_the_advised_hours_on_every_day(zone: str) -> None:
    daily = plan(None, zone, TODAY)

    assert daily.warnings == ()
    for days in range(3 * 366):
        at = datetime.combine(TODAY + timedelta(days=days), daily.at, ZoneInfo(zone))
        for central in (ZoneInfo("America/Chicago"), CST):
            seen = at.astimezone(UTC).astimezone(central)
            # two hours to spare: neither a slow run nor a late timer leaves the window
            assert time(14) <= seen.time() <= time(18), (zone, seen)


@pytest.mark.parametrize("zone", ZONES)
def test_the_time_proposed_exists_once_on_every_day(zone: str) -> None:
    daily = plan(None, zone, TODAY)
    for days in range(366):
        at = datetime.combine(TODAY + timedelta(days=days), daily.at, ZoneInfo(zone))
        assert at.utcoffset() == at.replace(fold=1).utcoffset()


def test_a_machine_whose_clock_never_changes_is_told_both_hours() -> None:
    daily = plan(time(21, 30), "UTC", TODAY)
    assert daily.central == (time(15, 30), time(16, 30))
    assert "15:30 to 16:30 in Central time" in as_text(daily, job(), {})


def test_a_machine_that_changes_with_chicago_keeps_one_hour() -> None:
    assert plan(time(16, 0), "America/New_York", TODAY).central == (time(15), time(15))


@pytest.mark.parametrize("at", [time(0), time(4), time(10, 59), time(11, 59)])
def test_a_time_in_the_night_s_placement_is_warned_of(at: time) -> None:
    daily = plan(at, "America/Chicago", TODAY)
    assert "order placement" in daily.warnings[0]
    assert f"# Warning: {daily.warnings[0]}" in as_text(daily, job(), {})


def test_a_time_that_is_early_in_one_half_of_the_year_only_is_warned_of() -> None:
    # 17:30 in UTC is 12:30 in Chicago in summer, 11:30 in winter
    assert plan(time(17, 30), "UTC", date(2026, 6, 1)).warnings
    assert plan(time(18, 0), "UTC", TODAY).warnings == ()


def test_a_time_after_the_advised_hours_is_warned_of() -> None:
    (warning,) = plan(time(21, 0), "America/Chicago", TODAY).warnings
    assert "after 20:00 Central" in warning


def test_a_time_that_a_clock_change_skips_is_warned_of() -> None:
    warnings = plan(time(2, 30), "Europe/Berlin", TODAY).warnings
    assert any("clock change" in warning for warning in warnings)


def test_an_unknown_zone_is_refused_with_one_that_resembles_it() -> None:
    with pytest.raises(ConfigError, match="America/Chicago"):
        plan(None, "America/Chicgo", TODAY)


@pytest.mark.parametrize("text", ["25:00", "12:60", "noon", "12", "12:00Z", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        time_asked(text)


def test_a_time_of_day_is_understood() -> None:
    assert time_asked(" 9:05 ") == time(9, 5)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("../usr/share/zoneinfo/Etc/UTC", "Etc/UTC"),
        ("/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"),
        ("/var/db/timezone/zoneinfo/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
    ],
)
def test_the_machine_s_zone_is_read_from_its_link(tmp_path: Path, target: str, name: str) -> None:
    (tmp_path / "localtime").symlink_to(target)
    # cron does not see what a shell has set
    assert machine_zone({"TZ": "Asia/Kathmandu"}, tmp_path) == name


def test_a_machine_that_writes_its_zone_down_is_believed(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif2")
    (tmp_path / "timezone").write_text("Europe/Madrid\n")
    assert machine_zone({}, tmp_path) == "Europe/Madrid"


def test_without_a_system_zone_the_variable_counts_and_then_utc(tmp_path: Path) -> None:
    assert machine_zone({"TZ": ":Europe/Rome"}, tmp_path) == "Europe/Rome"
    assert machine_zone({}, tmp_path) == "UTC"


def test_a_zone_without_a_name_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif2")
    with pytest.raises(ConfigError) as caught:
        machine_zone({"TZ": "EST5EDT,M3.2.0,M11.1.0"}, tmp_path)
    assert "--zone" in caught.value.do


def as_cron_runs_it(line: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    """What cron hands to the shell: the sixth field on, escaped percent signs taken back."""
    command = line.split(" ", 5)[5]
    assert not re.search(r"(?<!\\)%", command), "cron cuts the line at a bare percent sign"
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("\\%", "%")],
        cwd=directory,
        env={"HOME": str(directory), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def installed(directory: Path, script: str) -> Job:
    """A stand-in for the console command, in a directory that is hard to quote."""
    home = directory / "it's 100% my data"
    home.mkdir()
    command = home / "ordergroove"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    (home / "ordergroove.env").write_text("ORDERGROOVE_API_KEY='a$b c'\n")
    return job(home, command=(str(command),), words=("--dataset", "a b"))


def test_the_cron_line_runs_the_command_with_the_key_in_its_directory(tmp_path: Path) -> None:
    made = installed(tmp_path, 'pwd; echo "$ORDERGROOVE_API_KEY"; printf "%s|" "$@"')

    ran = as_cron_runs_it(cron_line(plan(time(14, 5), "UTC", TODAY), made), tmp_path)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert made.log.read_text().splitlines() == [
        str(made.directory),
        "a$b c",
        "sync|--lock-timeout|1h|--dataset|a b|",
    ]


def test_a_run_that_fails_under_cron_says_so_beside_the_log(tmp_path: Path) -> None:
    made = installed(tmp_path, "echo why >&2; exit 6")

    ran = as_cron_runs_it(cron_line(plan(None, "UTC", TODAY), made), tmp_path)

    assert ran.stdout == f"ordergroove sync failed, see {made.log}; exit code: 6\n"
    assert made.log.read_text() == "why\n"


def test_the_cron_line_begins_with_the_time() -> None:
    line = cron_line(plan(time(14, 5), "America/New_York", TODAY), job())
    assert line.startswith("5 14 * * * cd /srv/shop && ")


def test_the_log_is_appended_to(tmp_path: Path) -> None:
    made = installed(tmp_path, "echo again")
    made.log.write_text("before\n")
    as_cron_runs_it(cron_line(plan(None, "UTC", TODAY), made), tmp_path)
    assert made.log.read_text() == "before\nagain\n"


def test_the_units_escape_what_systemd_would_read() -> None:
    made = job(Path("/srv/5% off"), command=('/opt/a "b"/$x/ordergroove',))
    service = systemd_units(plan(None, "UTC", TODAY), made)["ordergroove.service"].splitlines()
    assert "WorkingDirectory=/srv/5%% off" in service
    assert "EnvironmentFile=/srv/5%% off/ordergroove.env" in service
    assert (
        'ExecStart=/usr/bin/env "/opt/a \\"b\\"/$$x/ordergroove" sync --lock-timeout 1h' in service
    )


def test_the_timer_names_the_zone_it_means() -> None:
    timer = systemd_units(plan(time(23, 0), "Europe/Berlin", TODAY), job())["ordergroove.timer"]
    assert "OnCalendar=*-*-* 23:00:00 Europe/Berlin\n" in timer


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    made = installed(tmp_path, "true")
    units = systemd_units(plan(None, "Europe/Berlin", TODAY), made)
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in units]
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True
    )
    ours = [line for line in ran.stderr.splitlines() if "ordergroove" in line]
    assert ours == []


def test_the_key_itself_is_nowhere_in_what_is_printed() -> None:
    environ = {
        "ORDERGROOVE_API_KEY": "s3cr3t",
        "ORDERGROOVE_DESTINATION": "postgresql://u:p4ss@h/d",
    }
    text = as_text(plan(None, "UTC", TODAY), job(), environ)
    assert "s3cr3t" not in text
    assert "p4ss" not in text


def test_settings_that_only_the_shell_knows_are_named() -> None:
    environ = {"ORDERGROOVE_API_KEY": "s3cr3t", "ORDERGROOVE_DATASET": "other", "HOME": "/home/me"}
    text = as_text(plan(None, "UTC", TODAY), job(), environ)
    assert "which cron does not see: ORDERGROOVE_DATASET" in text
    assert "does not see" not in as_text(plan(None, "UTC", TODAY), job(), {})


def test_the_file_of_the_key_is_closed_to_others_and_an_old_one_is_kept(tmp_path: Path) -> None:
    made = installed(tmp_path, "true")
    assert made.env_file is not None
    before = made.env_file.read_text()
    text = as_text(plan(None, "UTC", TODAY), made, {})
    (command,) = [line for line in text.splitlines() if line.startswith("touch ")]
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert made.env_file.stat().st_mode & 0o777 == 0o600
    assert made.env_file.read_text() == before


def test_a_key_in_a_file_of_dlt_needs_no_second_one(tmp_path: Path) -> None:
    made = job_here(tmp_path, tmp_path / "python", key_from=".dlt/secrets.toml")
    daily = plan(None, "UTC", TODAY)
    text = as_text(daily, made, {})
    assert "secrets.toml" in text
    assert ".env" not in text
    assert as_json(daily, made)["env_file"] is None


@pytest.mark.parametrize("place", ["default", "ORDERGROOVE_API_KEY"])
def test_a_key_that_only_a_shell_has_needs_a_file(tmp_path: Path, place: str) -> None:
    made = job_here(tmp_path, tmp_path / "python", key_from=place)
    assert made.env_file == tmp_path / "ordergroove.env"


def test_the_command_is_the_one_beside_the_python_that_runs(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    assert job_here(tmp_path, python).command == (str(python), "-m", "pipelines.ordergroove")

    beside = python.with_name("ordergroove")
    beside.write_text("#!/bin/sh\n")
    beside.chmod(0o755)
    assert job_here(tmp_path, python).command == (str(beside),)


def test_a_path_that_would_break_the_line_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot stand in a crontab"):
        job(Path("/srv/two\nlines"))
