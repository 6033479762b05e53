"""The sandbox over HTTP/1.1 on loopback: connections kept alive, one thread for each.

Hand-made, because the standard library's own handler spends more on a request than the client that
is to be measured.
"""

import logging
import os
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from io import BufferedIOBase
from typing import Any

from sources.ordergroove.sandbox.api import Sandbox
from sources.ordergroove.sandbox.control import PREFIX, control
from sources.ordergroove.sandbox.exchange import Answer, Delivery

log = logging.getLogger(__name__)
LONGEST_LINE = 65_536
PHRASES = {status.value: status.phrase for status in HTTPStatus}
# closing with nothing left to linger for sends a reset instead of a goodbye
ABORT = struct.pack("ii", 1, 0)


class Server(socketserver.ThreadingTCPServer):
    """A sandbox that listens. `delay_s` is what every answer of the API takes."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, sandbox: Sandbox, *, port: int = 0, delay_s: float = 0.0) -> None:
        self.sandbox = sandbox
        self.delay_s = delay_s
        self.stopping = threading.Event()
        self.connections: set[socket.socket] = set()
        self.threads: set[threading.Thread] = set()
        super().__init__(("127.0.0.1", port), Connection)

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        """Ends waiting answers and open connections, then the server."""
        self.stopping.set()
        self.shutdown()
        for connection in [*self.connections]:
            # the client may have closed it a moment before
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("a connection was gone already")
        for thread in [*self.threads]:
            thread.join(timeout=5)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is daily business here."""
        log.debug("connection ended: %r", sys.exception())


class Connection(socketserver.StreamRequestHandler):
    """One client's requests, one after the other."""

    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.request)
        self.server.threads.add(threading.current_thread())

    def finish(self) -> None:
        self.server.connections.discard(self.request)
        self.server.threads.discard(threading.current_thread())
        super().finish()

    def handle(self) -> None:
        while not self.server.stopping.is_set():
            head = read_head(self.rfile)
            if head is None or not self.answer(*head):
                return

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> bool:
        """Answers one request. Returns whether the connection stays open."""
        body = self.rfile.read(int(headers.get("content-length", "0")))
        path, _, query = target.partition("?")
        sandbox = self.server.sandbox
        if path.startswith(PREFIX):
            return self.send(control(sandbox, method, path, body), headers)
        started = sandbox.monotonic()
        if self.server.delay_s:
            self.server.stopping.wait(self.server.delay_s)
        host_url = f"http://{headers.get('host', self.server.url.removeprefix('http://'))}"
        answer = sandbox.respond(method, path, query, headers, host_url, started, body)
        return self.send(answer, headers)

    def send(self, answer: Answer, headers: Mapping[str, str]) -> bool:
        if answer.delay_s:
            self.server.stopping.wait(answer.delay_s)
        if answer.delivery is Delivery.NEVER:
            return False
        if answer.delivery is Delivery.RESET:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            # a reset needs the descriptor closed, not only this file on it
            os.close(self.request.detach())
            return False
        whole = rendered(answer)
        if answer.delivery is Delivery.SHORT:
            self.request.sendall(whole[: len(whole) - len(answer.body) // 2])
            return False
        self.request.sendall(whole)
        return headers.get("connection", "").lower() != "close"


def read_head(stream: BufferedIOBase) -> tuple[str, str, dict[str, str]] | None:
    """Method, target and headers (lower case) of the next request; None at the end of them."""
    line = stream.readline(LONGEST_LINE).decode("latin-1")
    parts = line.split()
    if len(parts) != 3:
        return None
    headers: dict[str, str] = {}
    while (line := stream.readline(LONGEST_LINE).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return parts[0], parts[1], headers


def rendered(answer: Answer) -> bytes:
    """The bytes of a response; a status without a body has no length either."""
    lines = [f"HTTP/1.1 {answer.status} {PHRASES.get(answer.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status != 204:
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body


@contextmanager
def serve(sandbox: Sandbox, *, port: int = 0, delay_s: float = 0.0) -> Iterator[Server]:
    """Serves a sandbox on loopback while the block runs; port 0 takes a free one.

    Raises OSError when the port is taken.
    """
    server = Server(sandbox, port=port, delay_s=delay_s)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox", daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(timeout=5)
