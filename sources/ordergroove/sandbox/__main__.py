"""`python -m sources.ordergroove.sandbox`: serves a made-up merchant until it is told to stop."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from sources.ordergroove.sandbox import (
    DEMO_KEY,
    DEMO_WEBHOOK_KEY,
    Rules,
    Sandbox,
    Sender,
    World,
    bulk_world,
    post_to,
    serve,
)
from sources.ordergroove.sandbox.exports import EXPORTS, drop
from sources.ordergroove.sandbox.world import ZONES

LOOK_EVERY_S = 0.2


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m sources.ordergroove.sandbox", description=__doc__
    )
    found.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    found.add_argument("--seed", type=int, default=7)
    found.add_argument("--customers", type=int, default=500)
    found.add_argument("--days", type=int, default=730, help="length of the past")
    found.add_argument("--zone", choices=ZONES, default="America/Chicago", help="of the stamps")
    found.add_argument("--delay", type=float, default=0.0, help="seconds that every answer takes")
    found.add_argument("--bulk-orders", type=int, default=0, help="simple records, so many orders")
    found.add_argument("--cache-mb", type=int, default=0, help="keep pages that were made once")
    found.add_argument("--webhooks", metavar="URL", help="sends what happens to this address")
    found.add_argument("--files", type=Path, metavar="DIR", help="drops every report there, whole")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints `url` and `key`, one a line, when it is ready; ends on SIGINT and SIGTERM."""
    asked = parser().parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    world = (
        bulk_world(orders=asked.bulk_orders, seed=asked.seed, zone=asked.zone, days=asked.days)
        if asked.bulk_orders
        else World(seed=asked.seed, customers=asked.customers, zone=asked.zone, days=asked.days)
    )
    if asked.files and isinstance(world, World):
        for report in EXPORTS:
            drop(world, asked.files, report, kind="full", naming="rule")
    sandbox = Sandbox(world, rules=Rules(is_ticking=True), cache_mb=asked.cache_mb)
    with serve(sandbox, port=asked.port, delay_s=asked.delay) as server:
        sys.stdout.write(f"url {server.url}\nkey {DEMO_KEY}\n")
        if asked.webhooks and isinstance(world, World):
            sys.stdout.write(f"webhook_key {DEMO_WEBHOOK_KEY}\n")
            sender = Sender(world, post_to(asked.webhooks), clock=time.time)
            threading.Thread(target=deliver, args=(sender, ended), daemon=True).start()
        sys.stdout.flush()
        ended.wait()
    return 0


def deliver(sender: Sender, ended: threading.Event) -> None:
    """Sends what happens until it is told to stop, by the machine's own clock."""
    while not ended.wait(LOOK_EVERY_S):
        sender.send_due()


if __name__ == "__main__":
    sys.exit(main())
