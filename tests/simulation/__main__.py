"""`make simulate SEEDS=n`: plays many seeds, and says which of them failed."""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.simulation.play import play


def main(first: int, count: int) -> int:
    """Plays `count` seeds from `first` on. Returns how many failed."""
    began, failed, done = time.monotonic(), [], Counter[str]()
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as directory:
            try:
                made = play(seed, Path(directory))
                done.update(line.split()[0] for line in made.told)
                done["kills"] += made.kills
            except AssertionError as error:
                failed.append(seed)
                sys.stderr.write(f"{error}\n\n")
    sys.stdout.write(
        f"{count} seeds in {time.monotonic() - began:,.0f} s; {dict(done)}; failed: {failed}\n"
    )
    return len(failed)


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    sys.exit(min(1, main(words[1] if len(words) > 1 else 1, words[0] if words else 20)))
