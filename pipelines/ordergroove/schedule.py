"""`schedule`: the daily run as a line for cron and as units for systemd.

Both are text to be put in place by hand: nothing is installed, and the key stands in neither.
"""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.ordergroove.schedule_time import Daily, machine_zone, plan, time_asked
from pipelines.ordergroove.settings_table import PREFIX
from sources.ordergroove.errors import ConfigError

__all__ = [
    "Daily",
    "Job",
    "as_json",
    "as_text",
    "cron_line",
    "job_here",
    "machine_zone",
    "plan",
    "systemd_units",
    "time_asked",
]

KEY = f"{PREFIX}API_KEY"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is run every day. All paths are absolute."""

    command: tuple[str, ...]
    """The console command, without `sync`."""

    directory: Path
    """Where `.dlt/` and relative paths are looked up."""

    log: Path
    env_file: Path | None
    """Holds `ORDERGROOVE_API_KEY='...'`, readable by its owner only; None: the key stands in a
    file of dlt's."""

    lock_timeout: str = "1h"
    words: tuple[str, ...] = ()
    """What else stands behind `sync`."""

    def __post_init__(self) -> None:
        texts = [*self.sync, *map(str, (self.directory, self.log, self.env_file))]
        for text in texts:
            if not text.isprintable():
                raise ConfigError(
                    what=f"{text!r} cannot stand in a crontab.",
                    do="Use paths without line breaks and control characters.",
                    state="Nothing was written.",
                )

    @property
    def sync(self) -> list[str]:
        return [*self.command, "sync", "--lock-timeout", self.lock_timeout, *self.words]


def job_here(
    directory: Path,
    executable: Path,
    *,
    key_from: str = "default",
    lock_timeout: str = "1h",
    words: Sequence[str] = (),
) -> Job:
    """The job for this installation: log and key file stand in the working directory.

    `executable` is the running Python; the console command is looked for beside it, and not
    behind its links, which would lead out of a virtual environment. `key_from` is the place that
    the key came from, as settings tell it.
    """
    needs_file = key_from in ("default", KEY)
    beside = executable.with_name("ordergroove")
    is_installed = os.access(beside, os.X_OK)
    command = (str(beside),) if is_installed else (str(executable), "-m", "pipelines.ordergroove")
    return Job(
        command=command,
        directory=directory,
        log=directory / "ordergroove.log",
        env_file=directory / "ordergroove.env" if needs_file else None,
        lock_timeout=lock_timeout,
        words=tuple(words),
    )


def cron_line(daily: Daily, job: Job) -> str:
    """One line for `crontab -e`. What the run says goes to the log; cron mails when it fails."""
    log = shlex.quote(str(job.log))
    failed = shlex.quote(f"ordergroove sync failed, see {job.log}; exit code:")
    steps = [f"cd {shlex.quote(str(job.directory))}"]
    if job.env_file is not None:
        steps.append(f"set -a && . {shlex.quote(str(job.env_file))} && set +a")
    steps.append(f"{shlex.join(job.sync)} >> {log} 2>&1 || echo {failed} $?")
    # cron takes a bare percent sign for the end of the line
    command = " && ".join(steps).replace("%", "\\%")
    return f"{daily.at.minute} {daily.at.hour} * * * {command}"


def systemd_units(daily: Daily, job: Job) -> dict[str, str]:
    """The unit files by name: a service, and the timer that starts it."""
    service = [
        "[Unit]",
        "Description=Ordergroove into the warehouse",
        "",
        "[Service]",
        "Type=oneshot",
        f"WorkingDirectory={specifier_free(job.directory)}",
        *([f"EnvironmentFile={specifier_free(job.env_file)}"] if job.env_file else []),
        f"ExecStart={exec_start(job.sync)}",
        f"StandardOutput=append:{specifier_free(job.log)}",
        f"StandardError=append:{specifier_free(job.log)}",
    ]
    timer = [
        "[Unit]",
        "Description=Ordergroove into the warehouse, daily",
        "",
        "[Timer]",
        f"OnCalendar=*-*-* {daily.at:%H:%M}:00 {daily.zone}",
        # a run that was missed while the machine was off is made up for
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    units = {"ordergroove.service": service, "ordergroove.timer": timer}
    return {name: "\n".join(lines) + "\n" for name, lines in units.items()}


def specifier_free(path: Path) -> str:
    """A path where systemd takes the rest of the line as it is, but for its percent signs."""
    return str(path).replace("%", "%%")


def exec_start(words: Sequence[str]) -> str:
    """A command line of a unit file."""
    # systemd refuses quotes in the name of what it starts, not in what that is told to start
    is_odd = any(char in words[0] for char in "'\"\\")
    return " ".join(map(word_of_systemd, ["/usr/bin/env", *words] if is_odd else words))


def word_of_systemd(word: str) -> str:
    """One word of a command line in a unit file."""
    escaped = word.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[\w@+=:,./%$-]+", escaped, re.ASCII):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_text(daily: Daily, job: Job, environ: Mapping[str, str]) -> str:
    """Everything to be put in place, with the commands that do it."""
    lines = [
        *heading(daily),
        "",
        *where_the_key_is(job, environ),
        "",
        "# 2. Either cron (crontab -e):",
        cron_line(daily, job),
        "",
        "# or systemd: these two files in ~/.config/systemd/user/, then",
        "#    systemctl --user enable --now ordergroove.timer",
        "#    loginctl enable-linger    # runs it while you are not logged in, too",
    ]
    for name, text in systemd_units(daily, job).items():
        lines += ["", f"# {name}", text.rstrip()]
    return "\n".join(lines)


def heading(daily: Daily) -> list[str]:
    first, last = (f"{at:%H:%M}" for at in daily.central)
    lines = [f"# Every day at {daily.at:%H:%M} {daily.zone}: {first} in Central time."]
    if first != last:
        lines = [
            f"# Every day at {daily.at:%H:%M} {daily.zone}: {first} to {last} in Central time,",
            "# as the clocks of both places do not change on the same days.",
        ]
    return [*lines, *(f"# Warning: {warning}" for warning in daily.warnings)]


def where_the_key_is(job: Job, environ: Mapping[str, str]) -> list[str]:
    """What has to be done so that a run without a shell finds its settings."""
    unseen = sorted(
        name for name, value in environ.items() if name.startswith(PREFIX) and name != KEY and value
    )
    carried = f"these are set in this shell only, which cron does not see: {', '.join(unseen)}"
    if job.env_file is None:
        lines = ["# 1. The API key is in dlt's secrets.toml already: keep that file to yourself."]
        warned = [f"#    But {carried}; give them as flags or in .dlt/config.toml."]
        return [*lines, *(warned if unseen else [])]
    file = shlex.quote(str(job.env_file))
    lines = [
        "# 1. The API key, in a file that only you can read; never in the crontab:",
        f"touch {file} && chmod 600 {file}",
        f"#    and write into it: {KEY}='...'",
    ]
    return [*lines, *([f"#    Write there, too, as {carried}."] if unseen else [])]


def as_json(daily: Daily, job: Job) -> dict[str, object]:
    """The same as JSON values."""
    return {
        "at": f"{daily.at:%H:%M}",
        "zone": daily.zone,
        "central": [f"{at:%H:%M}" for at in daily.central],
        "warnings": list(daily.warnings),
        "cron": cron_line(daily, job),
        "systemd": systemd_units(daily, job),
        "env_file": None if job.env_file is None else str(job.env_file),
        "log": str(job.log),
    }
