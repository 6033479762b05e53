"""Daily files on Ordergroove's server: listed at once, read one after the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec

from pipelines.ordergroove.files.found import Body, Found, body_of, in_order
from pipelines.ordergroove.settings import Settings
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.files.content import Unsettled
from sources.ordergroove.files.names import named
from sources.ordergroove.files.server import Address, Limits, Login, Seen, Trust


@contextmanager
def found_there(address: Address, settings: Settings) -> Iterator[list[Found]]:
    """The reports on a server; its connection lasts as long as the block."""
    login = login_of(settings)
    if find_spec("asyncssh") is None:
        raise ConfigError(
            what="The library for SFTP is not installed.",
            do="Install it: pip install 'ordergroove-elt[sftp]'",
            state="Nothing was written.",
        )
    from sources.ordergroove.files.session import Session

    trust = Trust(
        fingerprints=settings.sftp_fingerprint or (), known_hosts=settings.sftp_known_hosts
    )
    with Session(address, login, trust, limits_of(settings)) as session:
        reports = session.reports()
        looked_at = datetime.now(UTC)

        def read(seen: Seen) -> Body:
            refuse_young(seen, looked_at, settings.sftp_settle)
            return body_of(session.content_of(seen), seen.modified_at)

        yield in_order(
            (one for seen in reports for one in reports_of(seen, read)),
            f"{address.path} on {address.host}",
        )


def reports_of(seen: Seen, read: Callable[[Seen], Body]) -> Iterator[Found]:
    if says := named(seen.name):
        yield Found(says=says, read=partial(read, seen), seen=seen)


def refuse_young(seen: Seen, looked_at: datetime, settle: timedelta) -> None:
    """Raises Unsettled for a file that changed a moment ago: its writer may not be done.

    A time further ahead comes from a clock that is wrong, and tells nothing.
    """
    if abs(looked_at - seen.modified_at) < settle:
        raise Unsettled(f"it changed less than {settle.total_seconds():g} seconds ago")


def login_of(settings: Settings) -> Login:
    """Raises ConfigError when nothing is there to log in with."""
    password, passphrase = settings.sftp_password, settings.sftp_passphrase
    if password is None and settings.sftp_identity is None:
        raise ConfigError(
            what="There is neither a password nor a key to log in with.",
            do="Set ORDERGROOVE_SFTP_PASSWORD, or ORDERGROOVE_SFTP_IDENTITY.",
            state="Nothing was written.",
        )
    return Login(
        password=password.reveal() if password else None,
        key_file=settings.sftp_identity,
        passphrase=passphrase.reveal() if passphrase else None,
    )


def limits_of(settings: Settings) -> Limits:
    return Limits(
        connect_s=settings.connect_timeout.total_seconds(),
        read_s=settings.read_timeout.total_seconds(),
        retry_s=settings.retry_limit.total_seconds(),
    )
