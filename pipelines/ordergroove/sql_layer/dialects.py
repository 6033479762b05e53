"""One SQL text for many engines: what it may use, and how each engine says it.

Models are written in DuckDB's SQL, within `SUBSET`; sqlglot carries that to the other dialects,
and what it cannot know is put right here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp, parse_one

from pipelines.ordergroove.sql_layer.relations import Columns
from sources.ordergroove.errors import ConfigError

WRITTEN_IN = "duckdb"
DIALECTS = (
    "duckdb",
    "postgres",
    "mysql",
    "sqlite",
    "snowflake",
    "bigquery",
    "redshift",
    "databricks",
)
"""sqlglot's names; `mysql` stands for MariaDB too."""

TYPES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        # text that can be a key: MariaDB needs a length
        "mysql": {
            "text": "varchar(255)",
            "timestamp": "datetime(6)",
            "timestamptz": "datetime(6)",
            "json": "longtext",
        },
        "sqlite": {
            "timestamp": "text",
            "timestamptz": "text",
            "date": "text",
            "json": "text",
            "decimal(18, 4)": "real",
            "decimal(18, 12)": "real",
        },
        "bigquery": {
            "text": "string",
            "bigint": "int64",
            "boolean": "bool",
            "decimal(18, 4)": "numeric",
            "decimal(18, 12)": "bignumeric",
            "timestamptz": "timestamp",
            "timestamp": "datetime",
        },
        "snowflake": {"timestamptz": "timestamp_tz", "json": "variant"},
        "redshift": {"json": "super"},
        "databricks": {
            "text": "string",
            "timestamptz": "timestamp",
            "timestamp": "timestamp_ntz",
            "json": "string",
        },
    }
)
"""How columns are declared where an engine does not take our own word for the kind."""
SUBSET = frozenset(
    {
        exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered,
        exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Table, exp.TableAlias, exp.Alias,
        exp.Column, exp.Identifier, exp.Star, exp.Literal, exp.Null, exp.Boolean, exp.Paren,
        exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is,
        exp.In, exp.Between, exp.Like, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.DPipe,
        exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Replace, exp.Cast, exp.DataType,
        exp.DataTypeParam, exp.JSONExtractScalar, exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey,
        exp.Count, exp.Sum, exp.Min, exp.Max, exp.Distinct,
        exp.Window, exp.WindowSpec, exp.RowNumber, exp.Lag, exp.Lead,
    }
)  # fmt: skip
"""What a model may consist of. Time zones, intervals, `filter`, `full join`, `lateral`, lists and
functions of time are left out on purpose: `dim_dates` brings the days."""

CASTS = frozenset({"DATE", "DECIMAL", "BIGINT", "TEXT"})


def parsed(sql: str) -> exp.Query:
    """The one statement in a model's text. Raises ParseError or ValueError for any other text."""
    query = parse_one(sql, read=WRITTEN_IN)
    if not isinstance(query, exp.Query):
        raise ValueError(f"a model is a query, not {type(query).__name__}")
    return query


def offences(query: exp.Expr) -> list[str]:
    """What a model uses beyond the subset."""
    found = {type(node).__name__ for node in query.walk() if type(node) not in SUBSET}
    found |= {
        f"cast to {cast.to.this.value}"
        for cast in query.find_all(exp.Cast)
        if cast.to.this.value not in CASTS
    }
    found |= {
        f"{join.side} join".strip().lower()
        for join in query.find_all(exp.Join)
        if join.side not in ("", "LEFT") or join.args.get("using")
    }
    return sorted(found)


def tables_in(query: exp.Expr) -> frozenset[str]:
    """The names that a query reads and does not define itself."""
    own = {cte.alias for cte in query.find_all(exp.CTE)}
    return frozenset(table.name for table in query.find_all(exp.Table)) - own


def checked(dialect: str) -> str:
    """The dialect, if it is one of ours. Raises ConfigError."""
    if dialect not in DIALECTS:
        raise ConfigError(
            what=f"There is no dialect {dialect!r}; known: {', '.join(DIALECTS)}.",
            do="Name one of them: `ordergroove views sql --dialect postgres`",
            state="Nothing was written.",
        )
    return dialect


def column_type(kind: str, dialect: str) -> str:
    return TYPES.get(dialect, {}).get(kind, kind)


def translated(
    query: exp.Query,
    dialect: str,
    place: Callable[[str], exp.Expression],
    *,
    comments: bool = False,
) -> str:
    """The query in an engine's own words; `place` says what stands for each table it reads."""
    said: exp.Expr = query.copy()
    if dialect in ("mysql", "sqlite"):
        for ordered in said.find_all(exp.Ordered):
            # no model lets nulls decide an order, and these engines cannot say where they go
            ordered.set("nulls_first", not ordered.args.get("desc"))
    read = tables_in(said)
    for table in list(said.find_all(exp.Table)):
        if table.name in read:
            replace_table(table, place(table.name))
    if dialect in ENGINE_WORDS:
        said = said.transform(ENGINE_WORDS[dialect])
    return said.sql(dialect=dialect, pretty=True, comments=comments)


def replace_table(table: exp.Table, instead: exp.Expression) -> None:
    """Puts a qualified table or an empty stand-in where a name stood, under the old name."""
    name = table.alias_or_name
    table.replace(exp.alias_(instead, name, table=True))


def qualified(name: str, dataset: str) -> exp.Expression:
    return exp.table_(name, db=exp.to_identifier(dataset, quoted=True) if dataset else None)


def stand_in(columns: Columns, wanted: frozenset[str], dialect: str) -> exp.Expression:
    """A relation without rows, for a table that does not exist: only the columns asked for."""
    knows_json = dialect in ("duckdb", "postgres")
    casts = ", ".join(
        f'cast(null as {"text" if kind == "json" and not knows_json else kind}) as "{name}"'
        for name, kind in columns.items()
        if name in wanted
    )
    empty = parsed(f"select {casts or '1 as one'} from (select 1 as one) as no_row where one = 0")
    return exp.Subquery(this=empty)


def mysql_words(node: exp.Expression) -> exp.Expression:
    """What sqlglot writes for MySQL and MariaDB does not know, or says otherwise."""
    if isinstance(node, exp.JSONExtractScalar):
        # MariaDB lacks the arrow; this is the same in both
        key = node.expression.find(exp.JSONPathKey)
        path = exp.Literal.string(f"$.{key.this if key else ''}")
        extracted = exp.Anonymous(this="json_extract", expressions=[node.this, path])
        return exp.Anonymous(this="json_unquote", expressions=[extracted])
    if isinstance(node, exp.Cast) and node.to.this in INSTANTS:
        # sqlglot would write the function `timestamp`, which stops at whole seconds
        return exp.cast(node.this, exp.DataType.build("datetime(6)", dialect="mysql"))
    return node


def sqlite_words(node: exp.Expression) -> exp.Expression:
    """SQLite has no decimals: money is real there, and days are texts."""
    if isinstance(node, exp.Cast):
        if node.to.this == exp.DataType.Type.DECIMAL:
            places = node.to.expressions[-1].this.copy()
            return exp.Anonymous(this="round", expressions=[node.this, places])
        if node.to.this in INSTANTS:
            return exp.cast(node.this, "text")
    return node


INSTANTS = frozenset(
    {
        exp.DataType.Type.TIMESTAMPTZ,
        exp.DataType.Type.TIMESTAMP,
        exp.DataType.Type.TIMESTAMPNTZ,
    }
)
ENGINE_WORDS = {"mysql": mysql_words, "sqlite": sqlite_words}
