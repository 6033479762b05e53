"""A real SFTP server on loopback, in a thread of its own, that notes what is asked of it."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "acme", "s3cr3t pass/word?"
WRITING = (asyncssh.FXF_WRITE, asyncssh.FXF_APPEND, asyncssh.FXF_CREAT, asyncssh.FXF_TRUNC)


@dataclass
class Server:
    """A running server. `root` is what its users see as `/`."""

    root: Path
    host_key: asyncssh.SSHKey
    user_key: asyncssh.SSHKey
    port: int = 0
    logins: list[str] = field(default_factory=list)
    """Users who tried to prove who they are, in whatever way."""

    opened: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """What somebody wrote, renamed or deleted."""

    is_asking: bool = False
    """Whether it asks for the password as if by hand, and in no other way."""

    on_read: Callable[[Path], None] = lambda path: None
    """Called before a piece of a file is sent; a ConnectionError loses the connection."""

    @property
    def url(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}/outgoing"

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint()

    def known_hosts(self, key: asyncssh.SSHKey | None = None) -> str:
        """A line for this server, with its own key or with another."""
        public = (key or self.host_key).export_public_key().decode()
        return f"[127.0.0.1]:{self.port} {public}"

    def names_opened(self) -> list[str]:
        return [path.rpartition("/")[2] for path in self.opened]


def sftp_for(server: Server, channel: Any) -> asyncssh.SFTPServer:
    class Noting(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: Any) -> object:
            server.opened.append(path.decode())
            if any(pflags & flag for flag in WRITING):
                server.changed.append(path.decode())
            return super().open(path, pflags, attrs)

        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            try:
                server.on_read(Path(file_obj.name.decode()))
            except ConnectionError:
                channel.get_connection().abort()
            return bytes(super().read(file_obj, offset, size))  # type: ignore[arg-type]  # of a file on disk

        def remove(self, path: bytes) -> None:
            server.changed.append(path.decode())

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            server.changed.append(oldpath.decode())

        def setstat(self, path: bytes, attrs: Any) -> None:
            server.changed.append(path.decode())

    return Noting(channel, chroot=str(server.root).encode())


def doors_of(server: Server) -> type[asyncssh.SSHServer]:
    class Doors(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            server.logins.append(username)
            return True

        def password_auth_supported(self) -> bool:
            return not server.is_asking

        def kbdint_auth_supported(self) -> bool:
            return server.is_asking

        def get_kbdint_challenge(
            self, username: str, lang: str, submethods: str
        ) -> tuple[str, str, str, list[tuple[str, bool]]]:
            return "", "", "", [("Password:", False)]

        def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
            return (username, *responses) == (USER, PASSWORD)

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return key == server.user_key.convert_to_public() and username == USER

    return Doors


@contextmanager
def serving(root: Path, *, has_files: bool = True) -> Iterator[Server]:
    """Serves `root`, with an empty directory `outgoing` in it; or logins alone."""
    (root / "outgoing").mkdir(parents=True)
    server = Server(
        root=root,
        host_key=asyncssh.generate_private_key("ssh-ed25519"),
        user_key=asyncssh.generate_private_key("ssh-ed25519"),
    )
    loop, is_up = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        listening = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[server.host_key],
            server_factory=doors_of(server),
            sftp_factory=(lambda channel: sftp_for(server, channel)) if has_files else None,
        )
        server.port = listening.get_port()
        is_up.set()
        await stop.wait()
        listening.close()
        await listening.wait_closed()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert is_up.wait(60)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()
