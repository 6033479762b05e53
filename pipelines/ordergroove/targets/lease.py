"""A lease for places without a lock: a note with a heartbeat, which one run at a time may have.

Best effort: two runs that begin within the same second can both take it; the one that wrote first
finds that out before its next load.
"""

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipelines.ordergroove.targets.engine import held, who_we_are
from sources.ordergroove.errors import Held

BEAT_S = 30.0
DEAD_AFTER_S = 300.0
"""Without a heartbeat for so long its holder is taken for killed; clocks may differ a little."""

LEASE = "_sync_lease"
"""The name of the table or file that holds the note."""

Note = Mapping[str, Any]


@dataclass(kw_only=True)
class Lease:
    """What a run holds while it writes; give it back."""

    shown: str
    read: Callable[[], Note | None]
    write: Callable[[Note | None], None]
    """Puts the note in the place of the one that is there; None takes it away."""

    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    since: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    ended: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def take(self) -> "Lease":
        """Raises Held with the run that has it."""
        self.refuse_held()
        self.write(self.note())
        self.thread = threading.Thread(target=self.beat, name="lease", daemon=True)
        self.thread.start()
        return self

    def refuse_held(self) -> None:
        note = self.read()
        if note and note["token"] != self.token and time.time() - note["beat"] < DEAD_AFTER_S:
            raise held(f"{note['holder']} holds the warehouse {self.shown} since {note['since']}.")

    def note(self) -> Note:
        return {
            "holder": who_we_are(),
            "since": self.since,
            "token": self.token,
            "beat": int(time.time()),
        }

    def beat(self) -> None:
        while not self.ended.wait(BEAT_S):
            # whoever else has it by now keeps it
            if self.is_ours():
                self.write(self.note())

    def is_ours(self) -> bool:
        note = self.read()
        return note is not None and note["token"] == self.token

    def give_back(self) -> None:
        self.ended.set()
        if self.thread is not None:
            self.thread.join(timeout=10)
        if self.is_ours():
            self.write(None)


def lease_of(database: Any) -> Lease:
    return Lease(shown=database.shown, read=database.read_lease, write=database.write_lease)


def is_held(lease: Lease) -> bool:
    try:
        lease.refuse_held()
    except Held:
        return True
    return False
