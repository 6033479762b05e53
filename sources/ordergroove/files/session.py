"""A visit to Ordergroove's file server over SFTP: what lies there, and a file's content.

Reads only: nothing is written, renamed or deleted there. A connection that is lost is made again.
The agent and the configuration of the machine's own ssh are left out of it.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import asyncssh
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from sources.ordergroove.errors import ConfigError, KeyRefused, Transient
from sources.ordergroove.files.content import Unsettled, Unusable
from sources.ordergroove.files.host_key import NOT_CONNECTED, HostKeys
from sources.ordergroove.files.names import named
from sources.ordergroove.files.server import Address, Limits, Login, Seen, Trust

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
LOST = (
    OSError,
    asyncssh.ConnectionLost,
    asyncssh.ServiceNotAvailable,
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
)
"""What may pass by itself, time-outs included."""

FILES = (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN)
AT_ONCE = 1 << 20
NOTHING = "Nothing was written."


class Doorman(asyncssh.SSHClient):
    """Asks whether a host key that no file knows is expected all the same."""

    def __init__(self, keys: HostKeys) -> None:
        self.keys = keys

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        return self.keys.is_expected(key)


class Session:
    """One visit, on one connection at a time. Connects when something is asked first.

    Every method raises ConfigError for a server, a host key or a path that does not fit,
    KeyRefused when the login is refused, Transient when nobody answers for `limits.retry_s`.
    """

    def __init__(self, address: Address, login: Login, trust: Trust, limits: Limits) -> None:
        """Raises ConfigError for a key file or known_hosts file that cannot be used."""
        self.address = address
        self.login = login
        self.limits = limits
        self.host_keys = HostKeys(address, trust)
        self.keys = keys_of(login)
        self.runner = asyncio.Runner()
        self.connection: asyncssh.SSHClientConnection | None = None
        self.client: asyncssh.SFTPClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.runner:
            self.runner.run(self._leave())

    def reports(self) -> list[Seen]:
        """The files there that are reports by their name, or the one that the address names."""
        return self._tried(self._reports)

    def content_of(self, before: Seen) -> bytes:
        """What stands in a file that still is as it was seen before.

        Raises Unsettled when it is not, Unusable when it may not be read.
        """

        async def fetched(client: asyncssh.SFTPClient) -> bytes:
            try:
                return await self._content_of(client, before)
            except asyncssh.SFTPNoSuchFile:
                raise Unusable("it is no longer there") from None
            except asyncssh.SFTPPermissionDenied:
                raise Unusable("the server does not let it be read") from None

        return self._tried(fetched)

    def _tried(self, asked: Callable[[asyncssh.SFTPClient], Awaitable[Answer]]) -> Answer:
        """The answer, after as many new connections as it takes within the limit."""
        retrying = Retrying(
            retry=retry_if_exception_type(LOST),
            stop=stop_after_delay(self.limits.retry_s),
            wait=wait_exponential(multiplier=0.5, max=15),
            reraise=True,
        )
        try:
            return retrying(lambda: self.runner.run(self._asked(asked)))
        except LOST as error:
            raise Transient(
                f"{self.address.host}, port {self.address.port}, does not answer:"
                f" {reason_of(error)}; gave up after"
                f" {retrying.statistics['attempt_number']} attempts.",
                "Check host, port and network (Ordergroove lets in registered addresses only),"
                " then run the same command again.",
                NOTHING,
            ) from None
        except asyncssh.PermissionDenied:
            raise KeyRefused(
                f"{self.address.host} refuses the login of {self.address.user}.",
                "Check the user in the address, and ORDERGROOVE_SFTP_PASSWORD or"
                " ORDERGROOVE_SFTP_IDENTITY.",
                NOTHING,
            ) from None
        except asyncssh.HostKeyNotVerifiable:
            raise self.host_keys.refusal() from None
        except asyncssh.Error as error:
            raise ConfigError(
                f"{self.address.host}, port {self.address.port}, does not serve files over SFTP"
                f" as expected: {reason_of(error)}.",
                "Check host, port and path of the address.",
                NOTHING,
            ) from None

    async def _asked(self, asked: Callable[[asyncssh.SFTPClient], Awaitable[Answer]]) -> Answer:
        try:
            if self.client is None:
                self.client = await self._connected()
            return await asked(self.client)
        except LOST as error:
            log.info("the connection was lost: %s", reason_of(error))
            await self._leave()
            raise

    async def _connected(self) -> asyncssh.SFTPClient:
        try:
            self.connection = await self._connection()
        except asyncssh.KeyExchangeFailed:
            if not self.host_keys.is_changed:
                raise
            # the kind of key that is known is gone; the new one is refused and shown
            self.connection = await self._connection(server_host_key_algs="default")
        async with asyncio.timeout(self.limits.read_s):
            return await self.connection.start_sftp_client(path_errors="surrogateescape")

    async def _connection(self, **more: Any) -> asyncssh.SSHClientConnection:
        place = (self.address.host, self.address.port)
        sock = socket.create_connection(place, timeout=self.limits.connect_s)
        sock.setblocking(False)
        return await asyncssh.connect(
            *place,
            sock=sock,
            config=None,
            known_hosts=self.host_keys.of,
            client_factory=lambda: Doorman(self.host_keys),
            username=self.address.user,
            password=self.login.password,
            client_keys=self.keys or None,
            agent_path=None,
            gss_host=None,
            connect_timeout=self.limits.read_s,
            login_timeout=self.limits.read_s,
            **more,
        )

    async def _leave(self) -> None:
        connection, self.connection, self.client = self.connection, None, None
        if connection is not None:
            connection.abort()
            await connection.wait_closed()

    async def _reports(self, client: asyncssh.SFTPClient) -> list[Seen]:
        async with asyncio.timeout(self.limits.read_s):
            path = self.address.path
            try:
                attrs = await client.stat(path)
                if attrs.type != asyncssh.FILEXFER_TYPE_DIRECTORY:
                    return [seen(path, attrs)] if named(path.rpartition("/")[2]) else []
                return [
                    seen(f"{path.rstrip('/')}/{entry.filename!s}", entry.attrs)
                    async for entry in client.scandir(path)
                    if entry.attrs.type in FILES and named(str(entry.filename))
                ]
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPPermissionDenied) as error:
                raise ConfigError(
                    f"{path} on {self.address.host} cannot be listed: {reason_of(error)}.",
                    "Give a path that is there for this user, such as /outgoing.",
                    NOTHING,
                ) from None

    async def _content_of(self, client: asyncssh.SFTPClient, before: Seen) -> bytes:
        body = bytearray()
        async with client.open(before.path, "rb") as file:
            while chunk := await asyncio.wait_for(file.read(AT_ONCE), self.limits.read_s):
                # the mode says that these are bytes, the type of `read` does not
                body += cast("bytes", chunk)
        attrs = await asyncio.wait_for(client.stat(before.path), self.limits.read_s)
        if seen(before.path, attrs) != before or len(body) != before.size:
            raise Unsettled("it changed while it was read")
        return bytes(body)


def seen(path: str, attrs: asyncssh.SFTPAttrs) -> Seen:
    """Raises ConfigError when the server does not tell size and time: nothing is known then."""
    if attrs.size is None or attrs.mtime is None:
        raise ConfigError(
            "The server tells no size or no time of its files: whether one is complete cannot"
            " be known.",
            "Fetch the files with another program, then give their directory.",
            NOTHING,
        )
    return Seen(path, size=attrs.size, modified_at=datetime.fromtimestamp(int(attrs.mtime), UTC))


def keys_of(login: Login) -> list[asyncssh.SSHKey]:
    if login.key_file is None:
        return []
    try:
        return [asyncssh.read_private_key(str(login.key_file), login.passphrase)]
    except OSError as error:
        why, do = reason_of(error), "Name a file that may be read with --sftp-identity."
    except asyncssh.KeyEncryptionError:
        why = "it is encrypted with another passphrase"
        do = "Set ORDERGROOVE_SFTP_PASSPHRASE to that of the key."
    except (asyncssh.KeyImportError, ValueError):
        why = "it holds no private key, or its passphrase is missing"
        do = "Name a private key; give its passphrase in ORDERGROOVE_SFTP_PASSPHRASE."
    raise ConfigError(f"The key file {login.key_file} cannot be used: {why}.", do, NOT_CONNECTED)


def reason_of(error: BaseException) -> str:
    """In a few words, without what a server may have put into its message."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, OSError):
        return error.strerror or "the connection failed"
    return str(type(error).__doc__).partition("\n")[0].removeprefix("SFTP ").lower()
