"""PostgreSQL: an advisory lock on a connection held for the run, `json` columns, primary keys."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.address import Address, address_of
from pipelines.ordergroove.targets.engine import (
    cannot_open,
    closed_on_failure,
    first_line,
    held,
    missing_driver,
    who_we_are,
)
from pipelines.ordergroove.targets.sql_server import SqlDatabase
from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    from sources.ordergroove.errors import Held

PORT = 5432
CONNECT_TIMEOUT_S = "15"
LOCK_CLASS = 0x6F7267
"""What sets our advisory locks apart from others'; the second number tells the dataset."""

HOLDER = """
select activity.application_name, activity.usename, activity.pid, activity.backend_start
from pg_locks as locks
join pg_stat_activity as activity on activity.pid = locks.pid
where locks.locktype = 'advisory' and locks.granted and locks.classid = %s and locks.objid = %s
    and locks.database = (select oid from pg_database where datname = current_database())
"""
MAY_WRITE = """
select
    has_database_privilege(current_database(), 'create'),
    coalesce((select has_schema_privilege(oid, 'create, usage')
              from pg_namespace where nspname = %(dataset)s), false),
    coalesce((select has_schema_privilege(oid, 'create, usage')
              from pg_namespace where nspname = %(staging)s), false)
"""


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """The database behind `postgresql://...`; the dataset is a schema in it."""

    settings: Settings
    address: Address
    path: Path | None = None

    def is_there(self) -> bool:
        return True

    def connect(self, *, read_only: bool) -> SqlDatabase:
        connection = self.connected()
        if not read_only:
            with closed_on_failure(connection):
                take_lock(connection, self.settings)
                refuse_without_rights(connection, self.settings)
        return self.database(connection)

    def connected(self) -> Any:
        try:
            import psycopg2
        except ImportError:
            raise missing_driver("postgres", "psycopg2") from None
        address = self.address
        try:
            connection = psycopg2.connect(
                host=address.host or None,
                port=address.port,
                user=address.user or None,
                password=address.password or None,
                dbname=address.database or None,
                # a connection that is only held is not to be cut for being idle
                **{"connect_timeout": CONNECT_TIMEOUT_S, "keepalives_idle": 60} | address.options,
                application_name=who_we_are(),
            )
        except psycopg2.Error as error:
            raise why_closed(self.settings, first_line(error)) from None
        connection.autocommit = True
        json_as_text(connection)
        connection.cursor().execute("set time zone 'UTC'")
        return connection

    def database(self, connection: Any) -> SqlDatabase:
        import psycopg2

        return SqlDatabase(
            connection=connection,
            dialect="postgres",
            marker="%s",
            dataset=self.settings.dataset,
            shown=self.settings.destination_shown,
            failures=psycopg2.Error,
            bound=lambda value: value,
            given_to_dlt=self.given_to_dlt,
            refuse_held=self.refuse_held,
            only_reading=("begin read only", f'set local search_path to "{self.settings.dataset}"'),
            streaming=streaming,
            end_question=end_question,
            holds=lambda held: holder_of(held, self.settings) is not None,
        )

    def refuse_held(self) -> None:
        connection = self.connected()
        try:
            if holder := holder_of(connection, self.settings):
                raise held_by(self.settings, holder)
        finally:
            connection.close()

    def refuse_unusable(self) -> None:
        connection = self.connected()
        try:
            refuse_without_rights(connection, self.settings)
        finally:
            connection.close()

    def given_to_dlt(self) -> tuple[Any, str]:
        from pipelines.ordergroove.targets.postgres_dlt import destination

        return destination(self.address), self.settings.dataset


def json_as_text(connection: Any) -> None:
    """As every other engine gives it, digit by digit."""
    from psycopg2.extras import register_default_json

    register_default_json(connection, loads=str)


def target_of(settings: Settings) -> PostgresServer:
    return PostgresServer(settings=settings, address=address_of(settings, default_port=PORT))


def streaming(connection: Any) -> Any:
    """A cursor of the server's. Only a transaction can have one, and this driver wants to know."""
    connection.autocommit = False
    return connection.cursor("question")


def end_question(connection: Any) -> None:
    connection.rollback()
    # what `streaming` has switched off; the driver refuses it within a transaction
    connection.autocommit = True


def lock_key(settings: Settings) -> tuple[int, int]:
    """Two numbers for the dataset, the second within 32 bits with sign."""
    return LOCK_CLASS, zlib.crc32(settings.dataset.encode()) - 2**31


def take_lock(connection: Any, settings: Settings) -> None:
    """Raises Held with the run that has it. The lock ends with the connection."""
    cursor = connection.cursor()
    cursor.execute("select pg_try_advisory_lock(%s, %s)", lock_key(settings))
    if not cursor.fetchone()[0]:
        raise held_by(settings, holder_of(connection, settings))


def holder_of(connection: Any, settings: Settings) -> tuple[Any, ...] | None:
    """Name, user, process on the server, and when it connected; None when nobody has the lock."""
    kind, number = lock_key(settings)
    cursor = connection.cursor()
    cursor.execute(HOLDER, (kind, number % 2**32))
    found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def held_by(settings: Settings, holder: tuple[Any, ...] | None) -> "Held":
    place = f"{settings.destination_shown}, dataset {settings.dataset}"
    if holder is None:
        return held(f"Another run holds the warehouse {place}.")
    name, user, pid, since = holder
    return held(
        f"{name or 'Another program'}, user {user}, server process {pid}, holds the warehouse"
        f" {place} since {since:%Y-%m-%d %H:%M:%S} UTC."
    )


def refuse_without_rights(connection: Any, settings: Settings) -> None:
    """Raises ConfigError when the tables, or those that rows are staged in, could not be made."""
    names = {"dataset": settings.dataset, "staging": f"{settings.dataset}_staging"}
    cursor = connection.cursor()
    cursor.execute(MAY_WRITE, names)
    may_create, *has_schemas = cursor.fetchone()
    if may_create or all(has_schemas):
        return
    lacking = [name for name, there in zip(names.values(), has_schemas, strict=True) if not there]
    raise ConfigError(
        what=f"The user may not create schemas in {settings.destination_shown}, and"
        f" {' and '.join(lacking)} can't be used.",
        do="As an owner of the database run: "
        + " ".join(f"create schema {name} authorization <user>;" for name in lacking),
        state="Nothing was written.",
    )


def why_closed(settings: Settings, said: str) -> ConfigError:
    """The server's words, and what is most likely to be done about them."""
    if "password" in said or "authentication" in said or "role" in said:
        do = "Check user and password in the address, or in ORDERGROOVE_DESTINATION."
    elif "database" in said and "does not exist" in said:
        do = "Create it first (createdb), or name another one at the end of the address."
    else:
        do = "Check host and port, that the server runs, and that this machine may reach it."
    return cannot_open(settings, said, do)
