"""Positions as the warehouse holds them: read without dlt, so that reading can start before it.

dlt stores the whole state of a pipeline as one text, JSON that is deflated and written in base64.
What is read here is compared with what dlt restores before anything is written.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from sources.ordergroove import SOURCE
from sources.ordergroove.errors import ConfigError


def resources_in(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The stored position of each object type, as JSON values, out of a pipeline's state.

    Raises ConfigError when it is not what dlt writes.
    """
    try:
        source = (state.get("sources") or {}).get(SOURCE) or {}
        return {name: dict(values) for name, values in (source.get("resources") or {}).items()}
    except (AttributeError, TypeError, ValueError):
        raise unreadable() from None


def decoded(text: str) -> dict[str, Any]:
    """A pipeline's state out of its text. Raises ConfigError when it is not what dlt writes."""
    try:
        state = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
    except (binascii.Error, zlib.error, ValueError, TypeError):
        state = None
    if not isinstance(state, dict):
        raise unreadable()
    return state


def unreadable() -> ConfigError:
    return ConfigError(
        what="The state in the warehouse (table _dlt_pipeline_state) is not readable.",
        do="Restore that table from a backup, or sync into another dataset with --dataset.",
        state="Nothing was written.",
    )
