"""SQL that is written once, in an engine's own words.

Written as for DuckDB, in the subset that sqlglot carries everywhere; `?` stands for a parameter.
"""

from functools import lru_cache

HOME = "duckdb"
MARK = "\0"


@lru_cache(maxsize=512)
def translated(sql: str, dialect: str, marker: str = "?") -> str:
    """The statement for `dialect`, with `marker` for each parameter as the driver wants it."""
    if dialect == HOME and marker == "?":
        return sql
    from sqlglot import exp, parse_one

    tree = parse_one(sql, read=HOME)
    for parameter in list(tree.find_all(exp.Placeholder)):
        parameter.replace(exp.Var(this=MARK))
    # engines reserve different words: every name is quoted
    written = tree.sql(dialect=dialect, identify=True)
    if marker == "%s":
        # these drivers read each percent sign as the beginning of a parameter
        written = written.replace("%", "%%")
    return written.replace(MARK, marker)
