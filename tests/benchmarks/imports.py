"""Imports what a sync imports and does nothing with it: the part of a start that is not ours.

python -X importtime -m ... 2>FILE; python -m tests.benchmarks.imports FILE
"""

import importlib
import sys
from pathlib import Path


def main(file: str) -> None:
    """Imports the modules that a run with `-X importtime` wrote to a file, in their order."""
    for name in names_in(Path(file).read_text()):
        # what was looked for in vain, or only exists while something else runs, costs nothing here
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def names_in(text: str) -> list[str]:
    lines = [line.rpartition("|") for line in text.splitlines() if line.startswith("import time:")]
    return [name.strip() for _, _, name in lines if name.strip() != "imported package"]


if __name__ == "__main__":
    main(sys.argv[1])
