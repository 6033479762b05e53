"""The `ordergroove` command: its verbs, and the way out with an exit code.

Heavy libraries are imported inside the verbs, so that `--help` answers at once.
"""

import gc
import os
import sys
from collections.abc import Mapping

import click

from pipelines.ordergroove.cli.asking import describe, query, schedule, status
from pipelines.ordergroove.cli.backfilling import backfill
from pipelines.ordergroove.cli.doors import canary, graphql
from pipelines.ordergroove.cli.drawing import report
from pipelines.ordergroove.cli.dropping import files
from pipelines.ordergroove.cli.forgetting import forget
from pipelines.ordergroove.cli.hooks import webhooks
from pipelines.ordergroove.cli.options import leave
from pipelines.ordergroove.cli.reconciling import reconcile
from pipelines.ordergroove.cli.syncing import check, demo, sandbox, sync
from pipelines.ordergroove.cli.viewing import views

GARBAGE_AFTER = 20_000
SWITCH_AFTER_S = 0.0005
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class InOrder(click.Group):
    """Lists the verbs as somebody meets them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings=HELP)
@click.version_option(package_name="ordergroove-elt", prog_name="ordergroove")
@click.option("--debug", is_flag=True, help="Show tracebacks and one log line per page.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """A merchant's Ordergroove data in a SQL warehouse, and only the changes tomorrow.

    \b
      ordergroove demo        see it work, without a key
      ordergroove check       is everything in place for a sync?
      ordergroove sync        the daily job
      ordergroove backfill    years of history, in slices
      ordergroove schedule    a cron line for it
      ordergroove query "select count(*) from orders"

    The key is taken from ORDERGROOVE_API_KEY or .dlt/secrets.toml. Exit codes: 0 good, 1 failed,
    2 usage or configuration, 3 partial, 4 somebody else holds the warehouse, 5 a check found
    something, 6 nothing was reached, try again later, 7 key refused, 130 and 143 stopped.
    """
    context.obj = debug


VERBS: Mapping[click.Command, str] = {
    demo: "See it work on a made-up merchant, without a key.",
    check: "Is everything in place for a sync?",
    sync: "The daily job: fetch what changed, and merge it.",
    backfill: "Read years of history, in slices.",
    reconcile: "Compare the warehouse with Ordergroove, and repair it.",
    status: "How fresh the warehouse is, and what is missing.",
    query: "Ask the warehouse a question in SQL.",
    views: "Make, check and show the views that answer questions.",
    report: "Write one HTML page of charts.",
    describe: "What is asked of Ordergroove, and the columns it becomes.",
    schedule: "Print a cron line and a systemd timer for the daily sync.",
    webhooks: "Receive Ordergroove's events, load them, look at them.",
    forget: "Erase a customer's personal data.",
    graphql: "Ask Ordergroove one GraphQL query.",
    files: "Load the daily files that Ordergroove drops.",
    canary: "Follow a test purchase on staging into the warehouse.",
    sandbox: "Play Ordergroove on this machine, for trying things out.",
}
"""The verbs as somebody meets them, each in a line that fits beside its name."""

for verb, words in VERBS.items():
    verb.short_help = words
    cli.add_command(verb)


def main() -> None:
    """The console command. Every error becomes a message and an exit code."""
    debug = "--debug" in sys.argv
    # rows come and go by the ten thousand: looked through each 700 objects, as by default, they
    # cost a tenth more
    gc.set_threshold(GARBAGE_AFTER)
    # while a package is loaded, a page that has arrived is taken up at once
    sys.setswitchinterval(SWITCH_AFTER_S)
    # Arrow's own allocators keep what is free again; read when Arrow is imported
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # whoever reads our output has seen enough; Python must not complain when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        leave(error, debug=debug)
