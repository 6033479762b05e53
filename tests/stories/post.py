"""Deliveries as Ordergroove would send them, made independently of receiver and sandbox."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any

KEY = "whk_test_0123456789abcdef"
# one second for all, so that the same delivery made twice is the same bytes
CREATED = int(time.time())


def delivery(number: int = 1, **changed: Any) -> bytes:
    """The body of an event; members can be changed."""
    members = {
        "id": f"evt_{number:06}",
        "type": "order.success",
        "created": CREATED,
        "data": {"object": {"type": "order", "public_id": f"ord_{number}", "total": "9.90"}},
        "context": None,
        "snapshot": {},
    }
    return json.dumps(members | changed).encode()


def signed(body: bytes, *, key: str = KEY, ts: int | None = None) -> dict[str, str]:
    """The header for a body."""
    ts = int(time.time()) if ts is None else ts
    signature = hmac.new(key.encode(), f"{ts}.".encode() + body, sha256).hexdigest()
    return {"OrderGroove-Signature": f"ts={ts},sig={signature}"}
