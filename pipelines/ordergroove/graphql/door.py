"""Settings become a client of the GraphQL API, and its answers what people and programs read."""

import json
import threading
from typing import Any

from pipelines.ordergroove.report import iso
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.graphql.answer import Found
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.graphql.limits import MOST_DEPTH, MOST_POINTS, Cost


def graphql_for(settings: Settings, stop: threading.Event | None = None) -> GraphQL:
    """A client of the configured host; `stop` ends its waits. Raises ConfigError without a key."""
    return GraphQL(
        base_url=settings.url,
        key=settings.need_api_key(),
        version=settings.graphql_version,
        connect_timeout_s=settings.connect_timeout.total_seconds(),
        read_timeout_s=settings.read_timeout.total_seconds(),
        retry_limit_s=settings.retry_limit.total_seconds(),
        stop=stop,
    )


def variables_in(text: str | None) -> dict[str, Any]:
    """Variables written as a JSON object. Raises ConfigError for anything else."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigError(
            what=f"--variables: {text!r} is no JSON object.",
            do="""Write it like --variables '{"id": "..."}'.""",
            state="Nothing was sent.",
        )
    return found


def cost_shown(cost: Cost) -> str:
    """`9 of 200 points, 3 of 9 deep`, and where most of it goes."""
    named = ", ".join(f"{branch.path} ({branch.points})" for branch in cost.costliest())
    most = f"; most of it: {named}" if named else ""
    return f"{cost.points} of {MOST_POINTS} points, {cost.depth} of {MOST_DEPTH} deep{most}"


def cost_json(cost: Cost) -> dict[str, Any]:
    return {
        "points": cost.points,
        "most_points": MOST_POINTS,
        "depth": cost.depth,
        "most_depth": MOST_DEPTH,
        "branches": [
            {"path": branch.path, "points": branch.points} for branch in cost.costliest(10)
        ],
    }


def found_json(found: Found) -> dict[str, Any]:
    return {"data": found.data, "cost": cost_json(found.cost), "sunset": iso(found.sunset)}
