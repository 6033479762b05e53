"""Findings as people read them, and as programs do."""

import json
from collections.abc import Sequence
from textwrap import indent, wrap

from pipelines.ordergroove.checks.finding import Finding, exit_code_of

NAME_WIDTH = 16
LEAST_ROOM = 40


def line_of(finding: Finding, width: int | None = None) -> str:
    """Verdict, name and what was found, in lines of `width`; the remedy stands below."""
    head = f"{finding.verdict}  {finding.name:{NAME_WIDTH}}"
    lines = finding.what.splitlines() + [f"-> {line}" for line in finding.do.splitlines()]
    if width is not None:
        room = max(LEAST_ROOM, width - len(head))
        lines = [part for line in lines for part in broken(line, room)]
    return head + indent("\n".join(lines), " " * len(head)).lstrip()


def broken(line: str, room: int) -> list[str]:
    """The line in parts that fit; addresses and paths stay whole."""
    hanging = "   " if line.startswith("-> ") else ""
    return wrap(
        line, room, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def summary(findings: Sequence[Finding]) -> str:
    verdicts = [finding.verdict for finding in findings]
    counted = ", ".join(f"{verdicts.count(v)} {v}" for v in ("pass", "warn", "fail"))
    if "fail" in verdicts:
        return f"{counted}. Set right what failed, then run `ordergroove check` again."
    return f"{counted}. Nothing stands in the way of `ordergroove sync`."


def as_json(findings: Sequence[Finding]) -> str:
    return json.dumps(
        {
            "exit_code": exit_code_of(findings),
            "findings": [
                {"name": f.name, "verdict": f.verdict, "what": f.what, "do": f.do} for f in findings
            ],
        },
        indent=2,
    )
