"""PostgreSQL and MariaDB of our own, each in a directory that is gone with it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "p@ss/w:rd?#%"
"""With every sign that means something in an address."""

QUOTED_PASSWORD = "p%40ss%2Fw%3Ard%3F%23%25"
WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server; `url` has an administrator's name and password in it."""

    kind: str
    port: int
    url: str
    connect: Callable[..., Any]
    """A connection of the driver's own, each statement committed by itself."""

    def url_of(self, database: str) -> str:
        return f"{self.url}/{database}"


def required() -> bool:
    """Whether a missing server fails the tests that need it, as in the gate."""
    return os.environ.get("REQUIRE_SERVERS") == "1"


def lacking(what: str) -> None:
    message = f"{what} is not installed: nothing was tested on it"
    if required():
        pytest.fail(message)
    pytest.skip(message)


def binary(name: str) -> str | None:
    """A server's program, which need not be on the path."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = [*map(str, homes), "/usr/sbin", "/usr/libexec", "/usr/local/sbin"]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(places))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def home(name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A directory, and the user who may run a server in it: none of them likes root."""
    directory = Path(tempfile.mkdtemp(prefix=f"ordergroove-{name}-"))
    who: dict[str, Any] = {"cwd": directory}
    if os.geteuid() == 0:
        shutil.chown(directory, "nobody")
        who |= {"user": "nobody", "group": os.stat(directory).st_gid, "extra_groups": []}
    try:
        yield directory, who
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(
    words: Sequence[str], who: dict[str, Any], answers: Callable[[], Any]
) -> Iterator[None]:
    """The server, from its first answer until the block ends."""
    told = Path(who["cwd"], "told")
    with (
        told.open("wb") as log,
        subprocess.Popen(words, stdout=log, stderr=log, **who) as process,
    ):
        try:
            until = time.monotonic() + WAIT_S
            while not answered(answers):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"{words[0]} did not start:\n{told.read_text()}")
                # a server that is starting cannot be waited for in another way
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def answered(answers: Callable[[], Any]) -> bool:
    try:
        answers().close()
    except Exception:
        # whatever the driver raises while nobody listens yet
        return False
    return True


def made(words: Sequence[str], who: dict[str, Any]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, **who)
    assert done.returncode == 0, done.stderr


@contextmanager
def postgres() -> Iterator[Server]:
    """Skips, or fails where servers are required, when it is not installed."""
    initdb, program = binary("initdb"), binary("postgres")
    if initdb is None or program is None:
        lacking("PostgreSQL")
    import psycopg2

    port = free_port()

    def connect(database: str = "postgres", user: str = "postgres", **more: Any) -> Any:
        given = {"password": PASSWORD} | more
        connection = psycopg2.connect(
            host="127.0.0.1", port=port, user=user, dbname=database, **given
        )
        connection.autocommit = True
        return connection

    with home("postgres") as (directory, who):
        secret = directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        files = directory / "data"
        made(
            [str(initdb), "-D", str(files), "-U", "postgres", "-E", "UTF8", "--no-sync",
             "--auth=scram-sha-256", f"--pwfile={secret}"],
            who,
        )  # fmt: skip
        words = [str(program), "-D", str(files), "-p", str(port), "-c", "fsync=off",
                 "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={directory}",
                 # a clock that is not the tests'
                 "-c", "timezone=Asia/Kathmandu"]  # fmt: skip
        with running(words, who, connect):
            url = f"postgresql://postgres:{QUOTED_PASSWORD}@127.0.0.1:{port}"
            yield Server(kind="postgres", port=port, url=url, connect=connect)


@contextmanager
def mariadb() -> Iterator[Server]:
    """Skips, or fails where servers are required, when it is not installed."""
    install, program = binary("mariadb-install-db"), binary("mariadbd")
    if install is None or program is None:
        lacking("MariaDB")
    import pymysql

    port = free_port()

    def connect(database: str | None = None, user: str = "root", **more: Any) -> Any:
        given = {"password": PASSWORD} | more
        return pymysql.connect(
            host="127.0.0.1", port=port, user=user, database=database, autocommit=True, **given
        )

    with home("mariadb") as (directory, who):
        files, start = directory / "data", directory / "start.sql"
        start.write_text(
            f"alter user root@localhost identified by '{PASSWORD}';\n"
            f"create or replace user root@'127.0.0.1' identified by '{PASSWORD}';\n"
            "grant all on *.* to root@'127.0.0.1' with grant option;\n"
        )
        start.chmod(0o644)
        made(
            [str(install), "--no-defaults", f"--datadir={files}", "--skip-test-db",
             # several of these at once would share the names of their scratch files
             f"--tmpdir={directory}",
             "--auth-root-authentication-method=normal"],
            who,
        )  # fmt: skip
        words = [str(program), "--no-defaults", f"--datadir={files}", f"--port={port}",
                 "--bind-address=127.0.0.1", f"--socket={directory}/socket",
                 f"--pid-file={directory}/pid", f"--tmpdir={directory}",
                 f"--init-file={start}", "--skip-name-resolve",
                 "--innodb-flush-log-at-trx-commit=0", "--default-time-zone=+05:45",
                 # what a careless administrator may have left as it was
                 "--character-set-server=latin1",
                 "--collation-server=latin1_swedish_ci"]  # fmt: skip
        with running(words, who, connect):
            url = f"mysql://root:{QUOTED_PASSWORD}@127.0.0.1:{port}"
            yield Server(kind="mariadb", port=port, url=url, connect=connect)
