"""What `views apply` and `views test` tell, as text and as JSON values."""

from collections.abc import Sequence
from typing import Any

from pipelines.ordergroove.sql_layer.views import Applied, Checked

FOUND = 5
"""The exit code of checks that found something, and of views that could not be made."""


def applied_text(done: Applied) -> str:
    lines = [
        f"{len(done.made)} made, {len(done.unchanged)} unchanged, {len(done.dropped)} dropped."
    ]
    lines += [f"Could not be made: {sentence}" for sentence in done.failed]
    lines += [f"Warning: {sentence}" for sentence in done.kept]
    return "\n".join(lines)


def applied_values(done: Applied) -> dict[str, Any]:
    return {
        "made": done.made,
        "unchanged": done.unchanged,
        "dropped": done.dropped,
        "kept": done.kept,
        "failed": done.failed,
    }


def exit_code_of(done: Applied) -> int:
    return FOUND if done.failed else 0


def checked_text(results: Sequence[Checked]) -> str:
    """Each check that is not content with its promise and its first offenders, then a sum."""
    blocks = [block_of(result) for result in results if result.offenders or result.error]
    bad = sum(not result.is_good for result in results)
    warned = sum(result.is_good and bool(result.offenders) for result in results)
    good = len(results) - bad - warned
    return "\n\n".join([*blocks, f"{good} checks hold, {warned} warn, {bad} fail."])


def block_of(result: Checked) -> str:
    word = "warns" if result.is_good else "fails"
    lines = [f"{result.name} {word}: {result.promise}"]
    if result.error:
        lines.append(f"  could not be run: {result.error}")
    lines += [f"  {key}: {problem}" for key, problem in result.examples]
    if result.offenders > len(result.examples):
        lines.append(f"  and {result.offenders - len(result.examples):,} more")
    return "\n".join(lines)


def checked_values(results: Sequence[Checked]) -> list[dict[str, Any]]:
    return [
        {
            "check": result.name,
            "promise": result.promise,
            "is_good": result.is_good,
            "is_warning": result.is_warning,
            "offenders": result.offenders,
            "examples": [
                {"record_key": key, "problem": problem} for key, problem in result.examples
            ],
            "error": result.error or None,
        }
        for result in results
    ]


def exit_code_of_checks(results: Sequence[Checked]) -> int:
    return 0 if all(result.is_good for result in results) else FOUND
