"""The plug of a running process, pulled at a named point.

Only ever used in a process of its own: nothing runs after SIGKILL, so nothing here can lie.
"""

import os
import signal
from typing import Any

POINTS = (
    "before the first request",
    "between pages",
    "after the last page",
    "after extract",
    "in normalize",
    "before the merge",
    "in the merge",
    "after the merge",
    "before the package is done",
    "after the package is done",
    "while the lock is released",
    "between two turns",
)


def pull() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wire(point: str, nth: int) -> None:
    """Pulls the plug when the process comes to that point for the `nth` time."""
    left = [1 if point == "before the first request" else nth]
    for place in (place for there, place in places() if there == point):
        tap(point, *place, left)


def tap(point: str, place: Any, name: str, is_after: bool, left: list[int]) -> None:
    whole = getattr(place, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        if point == "after the last page" and not args[1].is_last:
            return whole(*args, **kwargs)
        if point == "in the merge":
            args = cut_short(args, left)
        elif not is_after:
            tick(left)
        answer = whole(*args, **kwargs)
        if is_after:
            tick(left)
        return answer

    setattr(place, name, counted)


def places() -> list[tuple[str, tuple[Any, str, bool]]]:
    """Where each point lies: what is called there, and whether the point comes after it."""
    import httpx
    from dlt import Pipeline
    from dlt.destinations.job_client_impl import SqlLoadJob
    from dlt.destinations.sql_client import SqlClientBase
    from dlt.load.load import Load
    from dlt.normalize.normalize import Normalize

    from pipelines.ordergroove.backfilling.turns import Turns
    from pipelines.ordergroove.reading import Deliveries
    from pipelines.ordergroove.targets.duckdb_file import DuckDatabase
    from pipelines.ordergroove.targets.sql_server import SqlDatabase

    return [
        ("before the first request", (httpx.Client, "send", False)),
        ("between pages", (httpx.Client, "send", False)),
        ("after the last page", (Deliveries, "put", False)),
        ("after extract", (Pipeline, "extract", True)),
        ("in normalize", (Normalize, "spool_files", False)),
        ("before the merge", (SqlLoadJob, "run", False)),
        ("in the merge", (SqlClientBase, "execute_many", False)),
        ("after the merge", (SqlLoadJob, "run", True)),
        ("before the package is done", (Load, "complete_package", False)),
        ("after the package is done", (Load, "complete_package", True)),
        ("while the lock is released", (DuckDatabase, "close", False)),
        ("while the lock is released", (SqlDatabase, "close", False)),
        ("between two turns", (Turns, "wait_for_readers", False)),
    ]


def tick(left: list[int]) -> None:
    left[0] -= 1
    if left[0] <= 0:
        pull()


def cut_short(args: tuple[Any, ...], left: list[int]) -> tuple[Any, ...]:
    """The statements of a merge up to its middle; then comes the end."""
    client, statements, *rest = args
    if not any("delete from" in statement.lower() for statement in statements):
        return args
    left[0] -= 1
    if left[0] > 0:
        return args
    for statement in statements[: (len(statements) + 1) // 2]:
        client.execute_sql(statement)
    pull()
    return (client, statements, *rest)
