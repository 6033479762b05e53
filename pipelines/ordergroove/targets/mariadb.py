"""MariaDB and MySQL: the dataset is a database, and `GET_LOCK` on a held connection the lock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.address import Address, address_of
from pipelines.ordergroove.targets.engine import (
    UNCHANGED,
    cannot_open,
    closed_on_failure,
    first_line,
    held,
    missing_driver,
)
from pipelines.ordergroove.targets.sql_server import SqlDatabase
from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    from sources.ordergroove.errors import Held

PORT = 3306
CONNECT_TIMEOUT_S = 15
SESSION = (
    "set session time_zone = '+00:00',"
    # a value that does not fit is an error, never a shorter one
    " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
    # the server closes what is silent for eight hours; a held lock is silent
    " wait_timeout = 604800"
)
MAY_CREATE = """
select 1 from information_schema.user_privileges where privilege_type = 'CREATE'
union all
select 1 from information_schema.schema_privileges
where privilege_type = 'CREATE' and %s like table_schema
"""
NO_DATABASE = 1049
DENIED = (1044, 1045, 1698)


@dataclass(frozen=True, kw_only=True)
class MariadbServer:
    """The server behind `mysql://...`."""

    settings: Settings
    address: Address
    dataset: str
    path: Path | None = None

    def is_there(self) -> bool:
        return True

    def connect(self, *, read_only: bool) -> SqlDatabase:
        connection = self.connected()
        if not read_only:
            with closed_on_failure(connection):
                self.take_lock(connection)
                self.make_databases(connection)
        return self.database(connection)

    def connected(self) -> Any:
        try:
            import pymysql
        except ImportError:
            raise missing_driver("mysql", "pymysql") from None
        from sqlalchemy.exc import SQLAlchemyError

        from pipelines.ordergroove.targets.mariadb_dlt import connect_arguments

        try:
            # without a database: it may not be there yet
            arguments = connect_arguments(self.address)
            connection = pymysql.connect(
                **arguments, connect_timeout=CONNECT_TIMEOUT_S, autocommit=True, charset="utf8mb4"
            )
            self.said(connection, SESSION)
        except (pymysql.Error, SQLAlchemyError, TypeError, RuntimeError) as error:
            raise why_closed(self.settings, error) from None
        return connection

    def said(self, connection: Any, sql: str, parameters: tuple[object, ...] = ()) -> Any:
        """The first value of the answer, if it has any."""
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            row = cursor.fetchone()
        return row[0] if row else None

    def database(self, connection: Any) -> SqlDatabase:
        import pymysql

        return SqlDatabase(
            connection=connection,
            dialect="mysql",
            marker="%s",
            dataset=self.dataset,
            shown=self.settings.destination_shown,
            failures=pymysql.Error,
            bound=bound,
            given_to_dlt=self.given_to_dlt,
            refuse_held=self.refuse_held,
            only_reading=(f"use `{self.dataset}`", "start transaction read only"),
            streaming=lambda connection: connection.cursor(pymysql.cursors.SSCursor),
            holds=self.holds,
        )

    @property
    def lock_name(self) -> str:
        """Locks are the server's; their names have at most 64 characters."""
        return f"ordergroove {sha256(self.dataset.encode()).hexdigest()[:32]}"

    def holds(self, connection: Any) -> bool:
        sql = "select is_used_lock(%s) = connection_id()"
        return bool(self.said(connection, sql, (self.lock_name,)))

    def take_lock(self, connection: Any) -> None:
        """Raises Held with the run that has it. The lock ends with the connection."""
        if self.said(connection, "select get_lock(%s, 0)", (self.lock_name,)) != 1:
            raise self.held_by(connection)

    def refuse_held(self) -> None:
        connection = self.connected()
        try:
            if self.said(connection, "select is_used_lock(%s)", (self.lock_name,)):
                raise self.held_by(connection)
        finally:
            connection.close()

    def held_by(self, connection: Any) -> "Held":
        place = f"{self.settings.destination_shown}, database {self.dataset}"
        with connection.cursor() as cursor:
            cursor.execute(
                "select id, user, host, time from information_schema.processlist"
                " where id = is_used_lock(%s)",
                (self.lock_name,),
            )
            row = cursor.fetchone()
        if row is None:
            return held(f"Another run holds the warehouse {place}.")
        number, user, host, silent_s = row
        since = datetime.now(UTC) - timedelta(seconds=int(silent_s))
        return held(
            f"A run of user {user} from {host}, server connection {number}, holds the warehouse"
            f" {place}, since {since:%Y-%m-%d %H:%M:%S} UTC or longer."
        )

    def lacking(self, connection: Any) -> list[str]:
        """The database, and the one that rows are staged in, as far as they are not there."""
        exists = "select 1 from information_schema.schemata where schema_name = %s"
        names = (self.dataset, f"{self.dataset}_staging")
        return [name for name in names if not self.said(connection, exists, (name,))]

    def make_databases(self, connection: Any) -> None:
        import pymysql

        for name in self.lacking(connection):
            collation = collation_of(connection)
            sql = f"create database `{name}` character set utf8mb4 collate {collation}"
            try:
                self.said(connection, sql)
            except pymysql.Error as error:
                raise self.may_not_create(name, first_line(error)) from None

    def refuse_unusable(self) -> None:
        connection = self.connected()
        try:
            for name in self.lacking(connection):
                if not self.said(connection, MAY_CREATE, (name,)):
                    raise self.may_not_create(name, "the user lacks the right to.")
        finally:
            connection.close()

    def may_not_create(self, name: str, why: str) -> ConfigError:
        return ConfigError(
            what=f"The database {name} cannot be created on {self.settings.destination_shown}:"
            f" {why}",
            do=f"As an administrator run: create database {name}; grant all on {name}.* to"
            " <user>; and the same for the other one that ends in _staging.",
            state=UNCHANGED,
        )

    def given_to_dlt(self) -> tuple[Any, str]:
        from pipelines.ordergroove.targets.mariadb_dlt import destination

        connection = self.connected()
        try:
            collation = collation_of(connection)
        finally:
            connection.close()
        return destination(self.address, collation, SESSION), self.dataset


def target_of(settings: Settings) -> MariadbServer:
    """Raises ConfigError when address and dataset name different databases."""
    address = address_of(settings, default_port=PORT)
    dataset = settings.dataset
    if address.database and address.database != dataset:
        if settings.where["dataset"] != "default":
            raise ConfigError(
                what=f"The address names the database {address.database!r}, the setting dataset"
                f" {dataset!r}: in MariaDB and MySQL they are the same thing.",
                do="Leave one of them away.",
                state=UNCHANGED,
            )
        dataset = address.database
    return MariadbServer(settings=settings, address=address, dataset=dataset)


def collation_of(connection: Any) -> str:
    """A binary one without padding: keys that differ in case or in a last space are two."""
    is_mariadb = "mariadb" in connection.get_server_info().lower()
    return "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"


def bound(value: object) -> object:
    """Instants are kept as UTC without a zone."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def why_closed(settings: Settings, error: Exception) -> ConfigError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said = first_line(error)
    if settings_secret := _secret(settings):
        said = said.replace(settings_secret, "***")
    if number in DENIED:
        do = "Check user and password in the address, or in ORDERGROOVE_DESTINATION."
    elif number == NO_DATABASE:
        do = "Create it first, or leave the database out of the address."
    elif isinstance(error, TypeError):
        do = "Check the options behind the ? of the address."
    else:
        do = "Check host and port, that the server runs, and that this machine may reach it."
    return cannot_open(settings, said, do)


def _secret(settings: Settings) -> str:
    return address_of(settings, default_port=PORT).password
