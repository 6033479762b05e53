"""`python -m tests.benchmarks.webhooks bare`: an ASGI application that does nothing, as a floor.

The clients are sockets that write requests made beforehand: they cost next to nothing.
"""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import environment
from tests.stories.post import KEY, delivery, signed

CLIENTS = 2
ENOUGH = 65_536


def requests(count: int) -> list[bytes]:
    """Signed deliveries as they go over the wire, all of them different."""
    made = []
    for number in range(count):
        body = delivery(number)
        lines = [f"{name}: {value}" for name, value in signed(body).items()]
        head = ["POST / HTTP/1.1", "Host: here", f"Content-Length: {len(body)}", *lines, "", ""]
        made.append("\r\n".join(head).encode() + body)
    return made


def rate(port: int, messages: Sequence[bytes]) -> float:
    """Answers a second to two clients that send one request after the other.

    Raises RuntimeError for an answer that is no success.
    """
    failures: list[bytes] = []
    threads = [
        threading.Thread(target=send, args=(port, messages[one::CLIENTS], failures))
        for one in range(CLIENTS)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"a delivery was answered with {failures[0].decode()!r}")
    return len(messages) / (time.monotonic() - began)


def send(port: int, messages: Sequence[bytes], failures: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for message in messages:
            connection.sendall(message)
            answer = connection.recv(ENOUGH)
            # head and body may come one after the other
            while not answer.endswith(b"}"):
                answer += connection.recv(ENOUGH)
            if not answer.startswith(b"HTTP/1.1 200"):
                failures.append(answer)
                return


@contextmanager
def serving_at(command: Sequence[str], directory: Path) -> Iterator[int]:
    """A server in a process of its own, and its port; it says its address when it is ready."""
    settings = environment(HOME=str(directory), ORDERGROOVE_WEBHOOK_KEYS=KEY)
    log = directory / "stderr.txt"
    with (
        log.open("w") as err,
        subprocess.Popen(
            [sys.executable, *command],
            cwd=directory,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        ) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError(f"{' '.join(command)} did not start:\n{log.read_text()}")
            yield int(line.split()[2].rstrip(",").rpartition(":")[2])
        finally:
            process.terminate()


def rates(directory: Path, count: int) -> tuple[float, float]:
    """What a bare application and the receiver answer in a second."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "webhooks.sqlite").unlink(missing_ok=True)
    found = []
    for command in (BARE, RECEIVER):
        with serving_at(command, directory) as port:
            # the first connection pays for what is imported late
            rate(port, requests(CLIENTS))
            found.append(rate(port, requests(count)))
    return found[0], found[1]


BARE = ["-m", "tests.benchmarks.webhooks", "bare"]
RECEIVER = ["-m", "pipelines.ordergroove", "webhooks", "serve", "--port", "0"]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and says yes."""
    while (await receive()).get("more_body"):
        pass
    body = b'{"event":"stored"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    import uvicorn

    from pipelines.ordergroove.webhooks.serving import listen

    with listen("127.0.0.1", 0) as listening:
        sys.stdout.write(f"Receiving at http://127.0.0.1:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(bare, log_config=None, access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
