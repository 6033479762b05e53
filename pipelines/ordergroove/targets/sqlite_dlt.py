"""dlt's SQLAlchemy destination for a SQLite file with our column types. Imports dlt."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa


def destination(path: Path, busy_timeout_s: float) -> Any:
    import dlt
    from dlt.destinations.impl.sqlalchemy.dialect import register_dialect_capabilities

    register_dialect_capabilities("sqlite", capabilities())
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path.absolute())),
        connect_args={"timeout": busy_timeout_s},
        poolclass=sa.NullPool,
    )
    return dlt.destinations.sqlalchemy(engine, create_primary_keys=True)


def capabilities() -> Any:
    from dlt.destinations.impl.sqlalchemy.dialect import SqliteDialectCapabilities
    from dlt.destinations.impl.sqlalchemy.type_mapper import SqlalchemyTypeMapper

    class PlainColumns(SqlalchemyTypeMapper):
        """SQLite knows neither decimals nor JSON."""

        def db_type_from_decimal_type(self, column: Any, table: Any) -> Any:
            return sa.REAL(asdecimal=False)

        def db_type_from_json_type(self, column: Any, table: Any) -> Any:
            return sa.Text()

    class Capabilities(SqliteDialectCapabilities):
        def type_mapper_class(self) -> Any:
            return PlainColumns

    return Capabilities
