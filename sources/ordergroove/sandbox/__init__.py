"""An Ordergroove on your own machine: a made-up merchant behind an API like the real one.

    world = World(seed=7, customers=500)
    sandbox = Sandbox(world)
    with serve(sandbox) as server:
        ...  # GET {server.url}/orders/ with the header `x-api-key: sandbox-key`

It imports nothing of the pipeline but the table of entities, so that it can not share its mistakes.
"""

from sources.ordergroove.sandbox.api import Sandbox
from sources.ordergroove.sandbox.bulk import BulkWorld, bulk_world
from sources.ordergroove.sandbox.exchange import Answer, Call, Delivery
from sources.ordergroove.sandbox.faults import Fault, Faults
from sources.ordergroove.sandbox.rules import DEMO_KEY, Key, RateLimit, Rules, WithoutBulk
from sources.ordergroove.sandbox.server import Server, serve
from sources.ordergroove.sandbox.webhooks import DEMO_WEBHOOK_KEY, Mischief, Sender, post_to
from sources.ordergroove.sandbox.world import World

__all__ = [
    "DEMO_KEY",
    "DEMO_WEBHOOK_KEY",
    "Answer",
    "BulkWorld",
    "Call",
    "Delivery",
    "Fault",
    "Faults",
    "Key",
    "Mischief",
    "RateLimit",
    "Rules",
    "Sandbox",
    "Sender",
    "Server",
    "WithoutBulk",
    "World",
    "bulk_world",
    "post_to",
    "serve",
]
