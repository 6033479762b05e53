"""dlt's SQLAlchemy destination for MariaDB and MySQL with our column types. Imports dlt."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL, Engine

from pipelines.ordergroove.targets.address import Address

LONGEST_KEY = 764
"""Characters of all the columns of a key together: InnoDB takes 3,072 bytes, four each."""


def url_of(address: Address) -> URL:
    """Without a database: it may not be there yet, and every name says which it is in."""
    return URL.create(
        "mysql+pymysql",
        username=address.user or None,
        password=address.password or None,
        host=address.host or None,
        port=address.port,
        query=address.options,
    )


def connect_arguments(address: Address) -> dict[str, Any]:
    """What the driver is called with; options such as ssl_ca are turned into its own."""
    url = url_of(address)
    _, arguments = url.get_dialect()().create_connect_args(url)
    return dict(arguments)


def engine_for(address: Address, session: str) -> Engine:
    return sa.create_engine(
        url_of(address).update_query_dict({"charset": "utf8mb4"}),
        connect_args={"init_command": session},
        poolclass=sa.NullPool,
    )


def destination(address: Address, collation: str, session: str) -> Any:
    import dlt
    from dlt.destinations.impl.sqlalchemy.dialect import register_dialect_capabilities

    register_dialect_capabilities("mysql", capabilities_with(collation))
    engine = engine_for(address, session)
    return dlt.destinations.sqlalchemy(engine, create_primary_keys=True)


def capabilities_with(collation: str) -> Any:
    from dlt.destinations.impl.sqlalchemy.dialect import MysqlDialectCapabilities
    from dlt.destinations.impl.sqlalchemy.type_mapper import MysqlVariantTypeMapper

    class LongTexts(MysqlVariantTypeMapper):
        """Text of any length; keys have one, as an index wants it. JSON is text."""

        def db_type_from_text_type(self, column: Any, table: Any) -> Any:
            if column.get("primary_key"):
                parts = sum(bool(c.get("primary_key")) for c in table["columns"].values())
                return mysql.VARCHAR(LONGEST_KEY // parts)
            return mysql.LONGTEXT()

        def db_type_from_json_type(self, column: Any, table: Any) -> Any:
            return mysql.LONGTEXT()

    class Capabilities(MysqlDialectCapabilities):
        def type_mapper_class(self) -> Any:
            return LongTexts

        def adapt_table(self, table: sa.Table, table_schema: Any) -> sa.Table:
            # the database may be somebody else's, with a collation of its own
            options = {"charset": "utf8mb4", "collate": collation, "engine": "InnoDB"}
            table.dialect_kwargs.update({f"mysql_{name}": v for name, v in options.items()})
            return table

    return Capabilities
