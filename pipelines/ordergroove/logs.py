"""Where log lines go: through the terminal's live display, as plain text, or as JSON."""

import logging
import sys

from rich.console import Console

TEXT = "%(asctime)s %(levelname)s %(message)s"


def set_up(*, log_format: str, debug: bool, console: Console | None) -> None:
    """Sends the log to standard error.

    On a terminal (`console`) only warnings are shown, above the live lines; else one line per
    entity as well. Lines as JSON have the fields timestamp, level, logger, message and whatever
    a line adds.
    """
    quiet = logging.WARNING if console and log_format == "text" else logging.INFO
    handler: logging.Handler
    if log_format == "json":
        handler = json_handler()
    elif console:
        handler = ConsoleHandler(console)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(TEXT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("pipelines", "sources", "state"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else quiet)
    # other libraries would show addresses with their cursors
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(capture=not debug)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


def json_handler() -> logging.Handler:
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )
    )
    return handler


class ConsoleHandler(logging.Handler):
    """Prints through rich, so that a line does not tear the live display."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(self.format(record), markup=False, highlight=False, soft_wrap=True)
