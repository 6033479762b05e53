"""The receiver: an ASGI application that keeps an event durably before it says so.

`POST` to any path but `/healthz` is a delivery. Answers: 200 kept, or known already; 400 no event;
401 not signed; 405 no POST; 408 too slow; 413 too large; 503 not kept, to be sent again. Bodies,
signatures and keys are never logged.
"""

import asyncio
import logging
import queue
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from pipelines.ordergroove.webhooks.inbox import Inbox
from pipelines.ordergroove.webhooks.writer import Writer
from sources.ordergroove.errors import OrdergrooveError
from sources.ordergroove.webhooks.events import Letter, letter_of
from sources.ordergroove.webhooks.refusal import Refusal
from sources.ordergroove.webhooks.signature import HEADER, verify

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

KEEP_LIMIT_S = 4.0
"""How long a delivery may wait to be kept; its sender waits 5 s."""

READ_LIMIT_S = 30.0
RETRY_AFTER_S = 60
LONGEST_SHOWN = 80


class Gone(Exception):
    """The sender hung up."""


class Receiver:
    """Takes deliveries into an inbox. `clock` tells the seconds since 1970 UTC."""

    def __init__(
        self,
        inbox: Inbox,
        *,
        keys: Sequence[bytes],
        tolerance_s: float,
        body_limit: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.inbox = inbox
        self.writer = Writer(inbox)
        self.keys = keys
        self.tolerance_s = tolerance_s
        self.body_limit = body_limit
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self.answer(scope, receive, send)
            case "lifespan":
                await self.live(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1008})

    async def live(self, receive: Receive, send: Send) -> None:
        """Start and end of the server; applications that mount this one may leave it out."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def close(self) -> None:
        self.writer.close()
        self.inbox.close()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"].rstrip("/").endswith("/healthz"):
                status, told = await self.health()
            else:
                status, told = HTTPStatus.OK, {"event": await self.take(scope, receive)}
        except Refusal as refusal:
            log.warning("a delivery was answered with %d: %s", refusal.status, refusal.reason)
            status, told = HTTPStatus(refusal.status), {"error": refusal.reason}
        except Gone:
            return
        await respond(send, status, told)

    async def health(self) -> tuple[HTTPStatus, dict[str, str]]:
        """Whether an event could be kept now."""
        try:
            async with asyncio.timeout(KEEP_LIMIT_S):
                await asyncio.to_thread(self.inbox.look)
        except (OrdergrooveError, TimeoutError):
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the inbox cannot be used"}
        return HTTPStatus.OK, {"status": "ok"}

    async def take(self, scope: Scope, receive: Receive) -> str:
        """Takes one delivery in: `stored` or `known`. Raises Refusal, and Gone."""
        if scope["method"] != "POST":
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "deliveries come by POST")
        headers = scope["headers"]
        refuse_large(header_of(headers, b"content-length"), self.body_limit)
        try:
            async with asyncio.timeout(READ_LIMIT_S):
                body = await read(receive, self.body_limit)
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly") from None
        verify(
            header_of(headers, HEADER),
            body,
            self.keys,
            now=self.clock(),
            tolerance_s=self.tolerance_s,
        )
        letter = letter_of(body)
        is_new = await self.keep(letter)
        log.info(
            "event %s, %s: %s",
            shown(letter.event_id),
            shown(letter.event_type),
            "stored" if is_new else "known",
        )
        return "stored" if is_new else "known"

    async def keep(self, letter: Letter) -> bool:
        """Returns when the letter is on disk. Raises Refusal (503) when it is not."""
        try:
            future = self.writer.submit(letter)
            async with asyncio.timeout(KEEP_LIMIT_S):
                return await asyncio.wrap_future(future)
        except (queue.Full, TimeoutError):
            raise unavailable("the inbox does not keep up") from None
        # whatever it was, the event is not on disk: the sender has to know, and the log does
        except Exception:
            raise unavailable("the inbox cannot be used") from None


def header_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The header's value; several of one name count as one list."""
    found = [value for header, value in headers if header.lower() == name]
    return b",".join(found) if found else None


def refuse_large(length: bytes | None, limit: int) -> None:
    if length is not None and length.isdigit() and int(length[:18]) > limit:
        raise too_large(limit)


async def read(receive: Receive, limit: int) -> bytes:
    """The body as it came. Raises Refusal (413) as soon as it is too large, and Gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def respond(send: Send, status: HTTPStatus, told: dict[str, str]) -> None:
    body = orjson.dumps(told)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def shown(text: str) -> str:
    """A text from outside as a log line can hold it."""
    cut = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    return "".join(sign if sign.isprintable() else "?" for sign in cut) or "-"


def too_large(limit: int) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit:,} bytes")


def unavailable(reason: str) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, reason)
