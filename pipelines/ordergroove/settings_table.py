"""The table of settings: names, defaults, help, and which parser reads each.

Adding a setting is a row here and a field of `Settings`; flags, variables, keys of the TOML files,
help and the README's table follow. The README holds `table_markdown()` between
`<!-- settings -->` and `<!-- /settings -->`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from pipelines.ordergroove import values
from pipelines.ordergroove.files import values as sftp_values
from pipelines.ordergroove.webhooks import values as webhook_values
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.graphql.limits import LATEST

PREFIX = "ORDERGROOVE_"

URLS = MappingProxyType(
    {
        "production": "https://restapi.ordergroove.com",
        "staging": "https://staging.restapi.ordergroove.com",
    }
)
PURCHASE_URLS = MappingProxyType(
    {
        "production": "https://sc.ordergroove.com",
        "staging": "https://staging.sc.ordergroove.com",
    }
)
"""Purchases are taken by hosts of their own."""

LEAST_OVERLAP = timedelta(hours=2)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting: its name is the key in TOML, and in capitals the environment variable's end."""

    name: str
    parse: Callable[[str], object]
    help: str
    default: str | None = None
    """As somebody would write it; None: there is none, or another setting decides."""

    default_shown: str = ""
    """What people read where the default is no plain text."""

    secret: bool = False

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str | None:
        """None for secrets: a command line is seen by everybody on the machine."""
        return None if self.secret else "--" + self.name.replace("_", "-")


a_while = values.duration(least=timedelta(milliseconds=1), why="nothing would be waited for")

ROWS = (
    Row(
        name="api_key",
        parse=values.api_key,
        secret=True,
        help="the application API key, with the Bulk Operations permission",
    ),
    Row(
        name="environment",
        parse=values.choice(*URLS),
        default="production",
        help="which Ordergroove: production or staging",
    ),
    Row(
        name="base_url",
        parse=values.base_url,
        default_shown="by environment",
        help="another address in its place; plain http to this machine only",
    ),
    Row(
        name="destination",
        parse=values.destination,
        default="duckdb:///warehouse.duckdb",
        help="the warehouse: duckdb:///file, postgresql://..., mysql://..., sqlite:///file, "
        "or the name of a destination configured in dlt",
    ),
    Row(
        name="dataset",
        parse=values.dataset,
        default="ordergroove",
        help="the schema that holds the tables; one merchant each",
    ),
    Row(
        name="entities",
        parse=values.names_among(ENTITIES),
        default="all",
        help="what to sync, separated by commas",
    ),
    Row(
        name="history",
        parse=values.names_among(ENTITIES, or_none=True),
        default="none",
        help="whose rows keep every version that a sync saw, separated by commas; or all, or none",
    ),
    Row(
        name="state_dir",
        parse=values.path,
        default=".ordergroove",
        help="a directory for scratch files; it is emptied by each run",
    ),
    Row(
        name="timezone",
        parse=values.zone,
        default="America/New_York",
        help="the zone of Ordergroove's time stamps",
    ),
    Row(
        name="overlap",
        parse=values.duration(
            least=LEAST_OVERLAP,
            why="clock changes, clock skew and the doubt about Ordergroove's zone take up to 2h",
        ),
        default="2h",
        help="how far a sync reads back behind the last one; 2h or more",
    ),
    Row(
        name="publish",
        parse=values.path_or_none,
        default="none",
        help="a DuckDB file that receives a read copy after each run",
    ),
    Row(
        name="log_format",
        parse=values.choice("text", "json"),
        default="text",
        help="log lines for people or for machines: text or json",
    ),
    Row(
        name="connect_timeout",
        parse=a_while,
        default="5s",
        help="how long to wait for a connection",
    ),
    Row(
        name="read_timeout",
        parse=a_while,
        default="120s",
        help="how long to wait for an answer; full lists may take more than 20 seconds a page",
    ),
    Row(
        name="retry_limit",
        parse=values.duration(),
        default="2m",
        help="how long one page is tried again before its entity is given up",
    ),
    Row(
        name="whole_read_every",
        parse=values.duration(),
        default="0",
        help="how often entities without a change filter are read; 0: by every run",
    ),
    Row(
        name="duckdb_memory_limit",
        parse=values.memory,
        default_shown="128MB while loading, 512MB for questions",
        help="the memory that DuckDB may take",
    ),
    Row(
        name="duckdb_threads",
        parse=values.whole_number(least=1, most=256),
        default="2",
        help="the threads that DuckDB may use",
    ),
    Row(
        name="chunk_seconds",
        parse=values.seconds,
        default_shown="5 for local files, else 60",
        help="how long rows are gathered before they are loaded",
    ),
    Row(
        name="graphql_version",
        parse=values.graphql_version,
        default=LATEST,
        help="the version of Ordergroove's GraphQL API: year and month, or unstable",
    ),
    Row(
        name="views",
        parse=values.choice("on", "off"),
        default="on",
        help="whether a sync brings the views of the SQL layer up to date: on or off",
    ),
    Row(
        name="graphql_enrichment",
        parse=values.choice("off", "on"),
        default="off",
        help="whether a sync also fetches what only GraphQL tells: off or on",
    ),
    Row(
        name="graphql_queries",
        parse=values.whole_number(least=1, most=1_000_000),
        default="500",
        help="how many GraphQL queries a sync may send for that",
    ),
    Row(
        name="purchase_url",
        parse=values.base_url,
        default_shown="by environment",
        help="another address for the test purchase of canary",
    ),
    Row(
        name="storefront_key",
        parse=values.api_key,
        secret=True,
        help="the storefront key, where the test purchase has to be signed with it",
    ),
    Row(
        name="inbox",
        parse=webhook_values.inbox,
        default="sqlite:///webhooks.sqlite",
        help="where webhook events wait to be loaded: sqlite:///file, postgresql://..., "
        "mysql://..., or none",
    ),
    Row(
        name="inbox_keep",
        parse=values.duration(),
        default="7d",
        help="how long events stay in the inbox after they were loaded",
    ),
    Row(
        name="webhook_keys",
        parse=webhook_values.webhook_keys,
        secret=True,
        help="the verification key of the webhook; several, separated by commas, while one is "
        "rotated",
    ),
    Row(
        name="webhook_tolerance",
        parse=values.duration(),
        default="300s",
        help="how old a signature may be; 0: of any age",
    ),
    Row(
        name="webhook_body_limit",
        parse=webhook_values.size,
        default="8MB",
        help="the largest body that is taken",
    ),
    Row(
        name="sftp_password",
        parse=sftp_values.secret,
        secret=True,
        help="the password of the SFTP user",
    ),
    Row(
        name="sftp_identity",
        parse=values.path_or_none,
        default="none",
        help="the file of a private key to log in with over SFTP",
    ),
    Row(
        name="sftp_passphrase",
        parse=sftp_values.secret,
        secret=True,
        help="the passphrase of that key",
    ),
    Row(
        name="sftp_known_hosts",
        parse=values.path,
        default="~/.ssh/known_hosts",
        help="the file that knows the SFTP server's host key",
    ),
    Row(
        name="sftp_fingerprint",
        parse=sftp_values.fingerprints,
        default_shown="by that file",
        help="the host key's fingerprint instead, SHA256:...; several, separated by commas",
    ),
    Row(
        name="sftp_settle",
        parse=values.duration(),
        default="60s",
        help="how long a file on the server must have been left alone before it is read",
    ),
)
BY_NAME: Mapping[str, Row] = MappingProxyType({row.name: row for row in ROWS})


def rows_for_help() -> list[tuple[str, str, str]]:
    """For each setting: how to give it, its default (`-`: none) and what it is."""
    return [
        (", ".join([*([row.flag] if row.flag else []), row.variable]), _default(row), row.help)
        for row in ROWS
    ]


def table_markdown() -> str:
    """One row per setting: key in TOML, variable, flag, default and meaning."""
    lines = ["| setting | variable | flag | default | meaning |", "| --- | --- | --- | --- | --- |"]
    for row in ROWS:
        flag = f"`{row.flag}`" if row.flag else "-"
        default = f"`{row.default}`" if row.default else _default(row)
        lines.append(f"| `{row.name}` | `{row.variable}` | {flag} | {default} | {row.help} |")
    return "\n".join(lines)


def _default(row: Row) -> str:
    return row.default or row.default_shown or "-"
