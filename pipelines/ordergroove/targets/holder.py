"""Who has a file to itself, and since when: a note beside it, as the lock of a file tells neither.

The note is for people and for `status`. The lock alone decides.
"""

import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LATE_S = 0.5
"""How long after the lock the note may come."""

LOOK_EVERY_S = 0.05


def note_of(file: Path) -> Path:
    return file.with_name(f".{file.name}.holder")


def leave_note(file: Path, **more: Any) -> None:
    """Says that this process has the file; keeps since when, of a note of its own that is there.

    Readers see the old note or the new one. Where none can be written, there is none.
    """
    place = note_of(file)
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    ours = own(place)
    note = {"pid": os.getpid(), "since": ours["since"] if ours else since} | more
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    with suppress(OSError):
        try:
            beside.write_text(json.dumps(note, default=str), "utf-8")
            beside.replace(place)
        finally:
            beside.unlink(missing_ok=True)


def take_note_away(file: Path) -> None:
    """Ends what `leave_note` has said. Somebody else's note stays."""
    place = note_of(file)
    if own(place):
        with suppress(OSError):
            place.unlink(missing_ok=True)


def note_on(file: Path, pid: int | None = None) -> dict[str, Any] | None:
    """The note of whoever has the file: of that process where it is known, else of a living one."""
    until = time.monotonic() + LATE_S
    while True:
        note = read(note_of(file))
        if note and (note["pid"] == pid if pid is not None else is_alive(note["pid"])):
            return note
        if time.monotonic() >= until:
            return None
        # whoever has just taken the lock is about to write it
        time.sleep(LOOK_EVERY_S)


def own(place: Path) -> dict[str, Any] | None:
    note = read(place)
    return note if note and note["pid"] == os.getpid() else None


def read(place: Path) -> dict[str, Any] | None:
    """The note; None when there is none that can be read."""
    try:
        note = json.loads(place.read_text("utf-8"))
        return note if isinstance(note["pid"], int) and isinstance(note["since"], str) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # somebody else's
        return True
    return True
