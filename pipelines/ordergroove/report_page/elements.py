"""HTML that cannot be broken from inside: text is escaped unless it was made here."""

import base64
import hashlib
import json
from html import escape
from typing import Any

VOID = frozenset({"meta", "br"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *inside: str, **attributes: str | bool) -> Html:
    """An element; `class_` is the attribute `class`, True one without a value."""
    opening = [name]
    for attribute, value in attributes.items():
        shown = attribute.rstrip("_").replace("_", "-")
        if value is True:
            opening.append(shown)
        elif value:
            opening.append(f'{shown}="{escape(str(value))}"')
    start = f"<{' '.join(opening)}>"
    if name in VOID:
        return Html(start)
    return Html(f"{start}{joined(*inside)}</{name}>")


def joined(*parts: str) -> Html:
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def json_block(name: str, value: Any) -> Html:
    """Values for the scripts of the page; nothing in them can end the block."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Html(f'<script type="application/json" id="{escape(name)}">{text}</script>')


def script(source: str) -> Html:
    """Code of our own or of the library. Raises ValueError where it would end the element."""
    if "</script" in source.lower() or "<!--" in source:
        raise ValueError("this script cannot stand in a page")
    return Html(f"<script>{source}</script>")


def fingerprint(source: str) -> str:
    """A script as the page's own rules name it: no other one is run."""
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
