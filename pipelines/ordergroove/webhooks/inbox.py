"""The inbox: where events lie safely from the moment they are received until they are loaded.

One table in a SQLite file, or in a PostgreSQL or MariaDB that receiver and cron both reach. Each
event is in it once, by the digest of its id. Loading changes nothing here but `loaded_at`, so that
a crash at any step, or a load into another warehouse, takes no event away from anybody.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from sources.ordergroove.errors import ConfigError, OrdergrooveError
from sources.ordergroove.webhooks.events import Letter, digest_of

if TYPE_CHECKING:
    from pipelines.ordergroove.webhooks.values import InboxAddress

T = TypeVar("T")

AT_ONCE = 500
"""Rows that one statement speaks of; SQLite and PostgreSQL bound the number of parameters."""

SENDER_WAIT_S = 3
"""How long a receiver waits for a lock or a server: its sender waits 5 s for an answer."""

READER_WAIT_S = 300
"""How long everybody else does: reading an inbox of many events takes its time."""

DRIVERS = {
    "postgresql": (("psycopg2", "psycopg2"), ("psycopg", "psycopg")),
    "mysql": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb")),
    "mariadb": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb")),
}
EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}

METADATA = sa.MetaData()
LETTERS = sa.Table(
    "ordergroove_inbox",
    METADATA,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("digest", sa.CHAR(64), nullable=False, unique=True),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("loaded_at", sa.BigInteger),
    sa.Column(
        "body",
        sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"),
        nullable=False,
    ),
    mysql_engine="InnoDB",
    mariadb_engine="InnoDB",
)
"""Times are microseconds since 1970 UTC."""


class InboxUnreachable(OrdergrooveError):
    """The inbox cannot be read or written: nothing is lost, the sender tries again."""


class Stored(NamedTuple):
    """One event of the inbox, without its body."""

    seq: int
    digest: str
    received_at: datetime
    loaded_at: datetime | None


class Inbox:
    """An inbox that is open; several programs may have the same one open. Safe between threads."""

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self.engine = engine
        self.shown = shown
        self.is_made = False

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction that is durable when the block has ended. Raises InboxUnreachable."""
        try:
            if not self.is_made:
                make_table(self.engine)
                self.is_made = True
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise unreachable(self.shown, error) from None

    def put(self, letters: Sequence[Letter], at: datetime) -> set[str]:
        """Keeps what is not there yet. Returns the digests that were new.

        When it returns, everything is on disk. Raises InboxUnreachable, and nothing is kept.
        """
        # one order for all receivers: two that bring the same events must not wait for each other
        rows = {
            letter.digest: {
                "digest": letter.digest,
                "received_at": micros(at),
                "body": letter.body,
            }
            for letter in sorted(letters, key=lambda letter: letter.digest)
        }
        new: set[str] = set()
        with self.transaction() as connection:
            for digests in sliced(list(rows)):
                query = sa.select(LETTERS.c.digest).where(LETTERS.c.digest.in_(digests))
                known = set(connection.scalars(query))
                fresh = [digest for digest in digests if digest not in known]
                if fresh:
                    connection.execute(
                        insert_if_new(self.engine.dialect.name), [rows[one] for one in fresh]
                    )
                new.update(fresh)
        return new

    def index(self) -> list[Stored]:
        """Every event that is there, the first received first, without bodies."""
        return self.listed(lambda query: query.order_by(LETTERS.c.received_at, LETTERS.c.seq))

    def latest(self, count: int, after: int = 0) -> list[Stored]:
        """The last events, the oldest of them first; only those that came `after` that number."""
        found = self.listed(
            lambda query: (
                query.where(LETTERS.c.seq > after).order_by(LETTERS.c.seq.desc()).limit(count)
            )
        )
        return found[::-1]

    def listed(self, chosen: Callable[[sa.Select[Any]], sa.Select[Any]]) -> list[Stored]:
        columns = (LETTERS.c.seq, LETTERS.c.digest, LETTERS.c.received_at, LETTERS.c.loaded_at)
        with self.transaction() as connection:
            return [
                Stored(seq, digest, instant(received), instant(loaded) if loaded else None)
                for seq, digest, received, loaded in connection.execute(chosen(sa.select(*columns)))
            ]

    def bodies(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The bodies of those events that are still there."""
        query = sa.select(LETTERS.c.seq, LETTERS.c.body)
        with self.transaction() as connection:
            return {
                seq: bytes(body)
                for some in sliced(numbers)
                for seq, body in connection.execute(query.where(LETTERS.c.seq.in_(some)))
            }

    def replace(self, bodies: Mapping[str, bytes]) -> None:
        """Puts other bodies in the place of those of the events with these ids.

        An event that is sent once more after that is known, and not kept again.
        """
        with self.transaction() as connection:
            for event_id, body in bodies.items():
                connection.execute(
                    sa.update(LETTERS)
                    .where(LETTERS.c.digest == digest_of(event_id))
                    .values(body=body)
                )

    def mark_loaded(self, numbers: Sequence[int], at: datetime) -> None:
        """Notes that a warehouse has them; whoever was first is remembered."""
        with self.transaction() as connection:
            for some in sliced(numbers):
                connection.execute(
                    sa.update(LETTERS)
                    .where(LETTERS.c.seq.in_(some), LETTERS.c.loaded_at.is_(None))
                    .values(loaded_at=micros(at))
                )

    def clear(self, loaded_before: datetime) -> int:
        """Removes what was loaded before that time. Returns how many."""
        with self.transaction() as connection:
            done = connection.execute(
                sa.delete(LETTERS).where(LETTERS.c.loaded_at < micros(loaded_before))
            )
            return int(done.rowcount)

    def waiting(self) -> tuple[int, datetime | None, datetime | None]:
        """How many events wait to be loaded, the oldest of them, and the latest of all.

        Makes no table. Raises InboxUnreachable.
        """
        received, waits = LETTERS.c.received_at, LETTERS.c.loaded_at.is_(None)
        query = sa.select(sa.func.count(), sa.func.min(received)).where(waits)
        try:
            with self.engine.connect() as connection:
                if not sa.inspect(connection).has_table(LETTERS.name):
                    return 0, None, None
                count, oldest = connection.execute(query).one()
                latest = connection.scalar(sa.select(sa.func.max(received)))
        except SQLAlchemyError as error:
            raise unreachable(self.shown, error) from None
        return count, oldest and instant(oldest), latest and instant(latest)

    def look(self) -> None:
        """Raises InboxUnreachable when nothing could be kept now."""
        with self.transaction() as connection:
            connection.execute(sa.select(LETTERS.c.seq).limit(1))

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def opened_inbox(address: "InboxAddress") -> Iterator[Inbox]:
    """The inbox; its table is made at the first use. Raises ConfigError for a missing driver."""
    inbox = inbox_at(address, wait_s=READER_WAIT_S)
    try:
        yield inbox
    finally:
        inbox.close()


def inbox_at(address: "InboxAddress", *, wait_s: int = SENDER_WAIT_S) -> Inbox:
    """The inbox at an address; nothing is connected yet. Raises ConfigError."""
    if address.file is not None:
        try:
            address.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise misplaced(address.shown, str(error.strerror)) from None
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(address.file)),
            connect_args={"timeout": wait_s},
        )
        sa.event.listen(engine, "connect", make_durable)
        return Inbox(engine, address.shown)
    url = server_url(address.url.reveal() if address.url else "")
    return Inbox(
        sa.create_engine(url, pool_pre_ping=True, connect_args=limits_of(url, wait_s)),
        address.shown,
    )


def server_url(text: str) -> sa.URL:
    """The address with a driver that is installed. Raises ConfigError, without the address."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise misplaced("the inbox", "it is no address") from None
    engine, _, driver = url.drivername.partition("+")
    if driver:
        return url
    engine = "postgresql" if engine == "postgres" else engine
    for driver, module in DRIVERS[engine]:
        if find_spec(module):
            return url.set(drivername=f"{engine}+{driver}")
    raise ConfigError(
        what=f"The inbox is in {engine}, and no driver for it is installed.",
        do=f"Install one: pip install 'ordergroove-elt[{EXTRAS[engine]}]'",
        state="Nothing was written.",
    )


def limits_of(url: sa.URL, wait_s: int) -> dict[str, Any]:
    """What keeps a server that hangs from holding up the answer to the sender."""
    if url.get_backend_name() == "postgresql":
        limit = f"-c statement_timeout={wait_s}s -c lock_timeout={wait_s}s"
        return {"connect_timeout": SENDER_WAIT_S, "options": limit}
    if url.get_driver_name() == "pymysql":
        return {"connect_timeout": SENDER_WAIT_S, "read_timeout": wait_s, "write_timeout": wait_s}
    return {}


def make_durable(connection: Any, record: Any) -> None:
    """Readers and the writer of a SQLite file side by side, and nothing lost with the power."""
    cursor = connection.cursor()
    if cursor.execute("pragma journal_mode").fetchone() != ("wal",):
        cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")
    cursor.close()


def make_table(engine: sa.Engine) -> None:
    try:
        METADATA.create_all(engine)
    except SQLAlchemyError:
        # another receiver may have made it in this very moment
        if not sa.inspect(engine).has_table(LETTERS.name):
            raise


def insert_if_new(dialect: str) -> sa.Insert:
    """Inserts unless the digest is there; other faults of a row stay faults."""
    if dialect in ("mysql", "mariadb"):
        insert = mysql.insert(LETTERS)
        return insert.on_duplicate_key_update(digest=LETTERS.c.digest)
    if dialect == "postgresql":
        return postgresql.insert(LETTERS).on_conflict_do_nothing(index_elements=["digest"])
    return sqlite.insert(LETTERS).on_conflict_do_nothing(index_elements=["digest"])


def sliced(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def instant(number: int) -> datetime:
    return datetime.fromtimestamp(number / 1_000_000, UTC)


def unreachable(shown: str, error: SQLAlchemyError) -> InboxUnreachable:
    """What the driver says in its first line, which holds no event: those are bound values."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return InboxUnreachable(
        what=f"The inbox {shown} cannot be used: {lines[0] if lines else type(cause).__name__}",
        do="Check that it is there, and that you may write to it.",
        state="Events that were answered with success are in it; others are sent again.",
    )


def misplaced(shown: str, reason: str) -> ConfigError:
    return ConfigError(
        what=f"The inbox {shown} cannot be opened: {reason}.",
        do="Name another one with ORDERGROOVE_INBOX: sqlite:///file or postgresql://...",
        state="Nothing was written.",
    )
