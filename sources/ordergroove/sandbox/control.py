"""Doors beside the API, for people and for tests in other processes; they need no key.

POST /_sandbox/advance {"hours": 24}      lets time pass
POST /_sandbox/do {"deed": "skip", "with": {"subscription": "..."}}
GET  /_sandbox/truth/orders               every record, whatever the lists hide
GET  /_sandbox/deleted                    what was physically deleted, and when
GET  /_sandbox/calls                      every request so far
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox.exchange import Answer, detail, json_answer

if TYPE_CHECKING:
    from sources.ordergroove.sandbox.api import Sandbox

PREFIX = "/_sandbox/"
DEEDS = frozenset(
    {
        "add_upsell", "cancel_order", "cancel_subscription", "change_price", "change_quantity",
        "change_subscription", "create_customer", "delete_item", "delete_order", "edit", "erase",
        "grant", "items_of", "merge", "move_item", "next_order", "place_order", "reactivate",
        "skip", "subscribe", "touch", "touch_customer",
    }
)  # fmt: skip
"""Methods of a world that may be called from outside."""


def control(sandbox: "Sandbox", method: str, path: str, body: bytes) -> Answer:
    """Answers one control request; what the world refuses comes back as 400 with its words."""
    world: Any = sandbox.world
    door, _, rest = path.removeprefix(PREFIX).strip("/").partition("/")
    try:
        with sandbox.lock:
            match method, door:
                case "POST", "advance":
                    world.advance(**orjson.loads(body))
                    return json_answer(200, {"now": world.now.isoformat()})
                case "POST", "do":
                    return json_answer(200, {"result": do(world, orjson.loads(body))})
                case "GET", "truth" if rest in ENTITIES:
                    return json_answer(200, world.truth(rest))
                case "GET", "deleted":
                    return json_answer(200, [deleted._asdict() for deleted in world.deleted])
                case "GET", "calls":
                    return json_answer(200, [asdict(call) for call in sandbox.calls])
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return detail(400, f"{type(error).__name__}: {error}")
    return detail(404, f"unknown; known: {__doc__}")


def do(world: Any, wish: dict[str, Any]) -> Any:
    """Calls one method of the world by name. Raises ValueError for one that is not offered."""
    deed = wish["deed"]
    if deed not in DEEDS:
        raise ValueError(f"unknown deed {deed!r}; known: {', '.join(sorted(DEEDS))}")
    return getattr(world, deed)(**wish.get("with", {}))
