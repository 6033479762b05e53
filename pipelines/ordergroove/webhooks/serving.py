"""The receiver as a program of its own, and as an application for others to mount."""

import logging
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.settings_table import BY_NAME
from pipelines.ordergroove.webhooks.inbox import Inbox, inbox_at
from pipelines.ordergroove.webhooks.receiver import Receiver
from pipelines.ordergroove.webhooks.values import InboxAddress
from sources.ordergroove.errors import ConfigError

NOT_STARTED = "Nothing was started."
END_LIMIT_S = 5
BACKLOG = 256


def receiver() -> Receiver:
    """The application with the settings of the environment, to be mounted elsewhere.

    Raises ConfigError when there is no key, or no inbox.
    """
    return receiver_for(load({}, os.environ, Path.cwd(), Path.home()))


def receiver_for(settings: Settings) -> Receiver:
    """Raises ConfigError when there is no key to verify with, or no inbox."""
    if not settings.webhook_keys:
        raise ConfigError(
            what="There is no key to verify webhooks with.",
            do="Copy the verification key of the webhook (Ordergroove Admin, Developers, Webhooks,"
            f" Details) into {BY_NAME['webhook_keys'].variable}, then run this again.",
            state=NOT_STARTED,
        )
    return Receiver(
        inbox_for(settings),
        keys=[key.reveal().encode() for key in settings.webhook_keys],
        tolerance_s=settings.webhook_tolerance.total_seconds(),
        body_limit=settings.webhook_body_limit,
    )


def inbox_for(settings: Settings) -> Inbox:
    return inbox_at(need_inbox(settings))


def need_inbox(settings: Settings) -> InboxAddress:
    """Raises ConfigError when there is no inbox."""
    if settings.inbox is None:
        raise ConfigError(
            what="There is no inbox: ORDERGROOVE_INBOX is `none`.",
            do="Name one with --inbox: sqlite:///webhooks.sqlite or postgresql://...",
            state=NOT_STARTED,
        )
    return settings.inbox


def serve(settings: Settings, *, host: str, port: int, on_ready: Callable[[str], None]) -> int:
    """Serves until a signal comes; `on_ready` is told the address. Returns the exit code.

    Deliveries that were taken in are answered before it ends. Raises ConfigError.
    """
    import_uvicorn()
    import uvicorn

    app = receiver_for(settings)
    app.inbox.look()
    listening = listen(host, port)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=END_LIMIT_S,
    )
    came: list[int] = []
    # uvicorn ends in good order, then hands the signal on to whoever had it before
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: came.append(received))
    name, bound = listening.getsockname()[:2]
    on_ready(f"http://{f'[{name}]' if ':' in name else name}:{bound}")
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
    return 128 + came[0] if came else 0


def import_uvicorn() -> None:
    try:
        import uvicorn  # noqa: F401 - only whether it is there
    except ImportError:
        raise ConfigError(
            what="The server for the receiver is not installed.",
            do="Install it: pip install 'ordergroove-elt[webhooks]'",
            state=NOT_STARTED,
        ) from None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError when there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only on sockets that name their protocol: without it
    # each answer waits 40 ms for an acknowledgement
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise ConfigError(
            what=f"{host}, port {port}, cannot be listened on: {reason}.",
            do="Name others with --host and --port; port 0 takes a free one.",
            state=NOT_STARTED,
        ) from None
    return listening
