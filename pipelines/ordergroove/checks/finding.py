"""One line of `check`: what was looked at, how it stands, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sources.ordergroove.errors import ConfigError, Held, KeyRefused, OrdergrooveError

Verdict = Literal["pass", "warn", "fail"]

CONFIGURATION = ConfigError.exit_code
FOUND_SOMETHING = 5

GRAVEST_FIRST = (2, 7, 4, 1, 6, 3, 5)
"""Exit codes in the order in which one wins over another."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One precondition of a sync. Raises ValueError for a fault without remedy or exit code."""

    name: str
    verdict: Verdict
    what: str
    do: str = ""
    exit_code: int = 0
    """What it alone would end the command with."""

    def __post_init__(self) -> None:
        if self.verdict != "pass" and not self.do:
            raise ValueError(f"{self.name}: whoever is warned has to know what to do")
        if (self.verdict == "fail") != bool(self.exit_code):
            raise ValueError(f"{self.name}: {self.verdict} and exit code {self.exit_code}")


def passed(name: str, what: str) -> Finding:
    return Finding(name=name, verdict="pass", what=what)


def warned(name: str, what: str, do: str) -> Finding:
    return Finding(name=name, verdict="warn", what=what, do=do)


def failed(name: str, what: str, do: str, exit_code: int = FOUND_SOMETHING) -> Finding:
    return Finding(name=name, verdict="fail", what=what, do=do, exit_code=exit_code)


def refused(name: str, error: OrdergrooveError) -> Finding:
    """What a sync would end with, or give up an object type for."""
    of_its_own = isinstance(error, ConfigError | KeyRefused | Held)
    return failed(name, error.what, error.do, error.exit_code if of_its_own else FOUND_SOMETHING)


def exit_code_of(findings: Iterable[Finding]) -> int:
    """0 when nothing failed, else the code that wins."""
    codes = {finding.exit_code for finding in findings}
    return next((code for code in GRAVEST_FIRST if code in codes), 0)
