"""Findings as people read them, and as programs do."""

import json
from collections.abc import Sequence
from textwrap import indent

from pipelines.ordergroove.checks.finding import Finding, exit_code_of

NAME_WIDTH = 16


def line_of(finding: Finding) -> str:
    """Verdict, name and what was found; the remedy stands below."""
    head = f"{finding.verdict}  {finding.name:{NAME_WIDTH}}"
    lines = finding.what.splitlines() + [f"-> {line}" for line in finding.do.splitlines()]
    return head + indent("\n".join(lines), " " * len(head)).lstrip()


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
