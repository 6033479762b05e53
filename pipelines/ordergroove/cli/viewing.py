"""The verbs of the SQL layer: views apply, views test, views sql."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from click import echo as say

from pipelines.ordergroove.cli.options import (
    OF_WAREHOUSE,
    as_json_option,
    settings_of,
    with_settings,
)

if TYPE_CHECKING:
    from pipelines.ordergroove.warehouse import Warehouse


def refuse_unsynced(warehouse: "Warehouse") -> None:
    """Raises ConfigError for a dataset that no sync has written to: views have nothing to read."""
    from sources.ordergroove.errors import ConfigError

    if not warehouse.has_table("sync_runs"):
        place = f" in the dataset {warehouse.dataset!r}" if warehouse.dataset else ""
        raise ConfigError(
            what=f"The warehouse {warehouse.shown} holds nothing of Ordergroove{place}.",
            do="Run `ordergroove sync` first, or name another one with --destination or --dataset.",
            state="Nothing was written.",
        )


@click.group()
def views() -> None:
    """The views that answer business questions: made, checked, and shown as SQL.

    \b
      ordergroove views apply
      ordergroove views test
      ordergroove views sql --dialect snowflake
    """


@views.command(short_help="Make the views, or bring them up to date.")
@click.option("--materialize/--no-materialize", default=None,
              help="Make tables of the slow ones, filled anew by each sync; or views.")  # fmt: skip
@as_json_option
@with_settings(*OF_WAREHOUSE, "timezone")
def apply(materialize: bool | None, as_json: bool, **flags: Any) -> None:
    """Makes the views, or brings them up to date; each sync does so by itself.

    Drops those that it made once and that are no longer shipped. What somebody else made is never
    touched, and a view that somebody's view reads is kept, with a warning.

    \b
      ordergroove views apply
      ordergroove views apply --materialize
    """
    import pendulum

    from pipelines.ordergroove.sql_layer import text as views_text
    from pipelines.ordergroove.sql_layer import views as layer
    from pipelines.ordergroove.sql_layer.database import InWarehouse
    from pipelines.ordergroove.warehouse import is_there, opened

    settings = settings_of(flags)
    # a file that is not there would be made, with nothing in it
    with opened(settings, read_only=not is_there(settings)) as warehouse:
        refuse_unsynced(warehouse)
        done = layer.apply(
            InWarehouse(warehouse=warehouse),
            zone=settings.timezone,
            today=pendulum.now(settings.timezone).date(),
            materialize=materialize,
        )
    as_values = json.dumps(views_text.applied_values(done), indent=2) if as_json else ""
    say(as_values or views_text.applied_text(done))
    sys.exit(views_text.exit_code_of(done))


@views.command(short_help="Run the checks on the views.")
@as_json_option
@with_settings(*OF_WAREHOUSE)
def test(as_json: bool, **flags: Any) -> None:
    """Runs the checks on the views: each is a query that returns offenders. Exits with 5 for any.

    \b
      ordergroove views test
    """
    from pipelines.ordergroove.sql_layer import text as views_text
    from pipelines.ordergroove.sql_layer import views as layer
    from pipelines.ordergroove.sql_layer.database import InWarehouse
    from pipelines.ordergroove.warehouse import opened

    with opened(settings_of(flags), read_only=True) as warehouse:
        refuse_unsynced(warehouse)
        results = layer.check(InWarehouse(warehouse=warehouse))
    as_values = json.dumps(views_text.checked_values(results), indent=2) if as_json else ""
    say(as_values or views_text.checked_text(results))
    sys.exit(views_text.exit_code_of_checks(results))


@views.command(short_help="Show the statements that create them, for an engine.")
@click.argument("names", nargs=-1, metavar="[VIEW]...")
@click.option("--dialect", default="duckdb", show_default=True, metavar="NAME",
              help="The engine's SQL: duckdb, postgres, mysql, sqlite, snowflake, bigquery, "
              "redshift, databricks.")  # fmt: skip
@with_settings("dataset")
def sql(names: tuple[str, ...], dialect: str, **flags: Any) -> None:
    """The statements that create the views, in the words of an engine, in order.

    \b
      ordergroove views sql fct_mrr_monthly
      ordergroove views sql --dialect bigquery > views.sql
    """
    from pipelines.ordergroove.sql_layer import views as layer

    say(layer.sql(dialect, settings_of(flags).dataset, names))
