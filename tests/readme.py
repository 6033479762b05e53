"""The parts of the README that come from the code: `python -m tests.readme` writes them anew."""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from pipelines.ordergroove.demo import query_text
from pipelines.ordergroove.describe import table_markdown as entities_table
from pipelines.ordergroove.settings_table import table_markdown as settings_table
from sources.ordergroove.entities import ENTITIES

README = Path(__file__).parents[1] / "README.md"
SHIPPED = sorted(
    path.name.removesuffix(".sql") for path in (files("sql.ordergroove") / "queries").iterdir()
)

SECTIONS: Mapping[str, str] = {
    "entities": entities_table(ENTITIES.values()),
    "settings": settings_table(),
}


def written(text: str) -> str:
    """The text with its sections and queries as the code has them now."""
    for name, section in SECTIONS.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        made = f"{start}\n{section.rstrip()}\n{end}"
        text = re.sub(f"{start}.*?{end}", lambda _, made=made: made, text, flags=re.DOTALL)  # type: ignore[misc]  # mypy cannot tell the type of a lambda's default
    return re.sub(
        r"<!-- query: (\w+) -->\n```sql\n.*?```",
        lambda found: f"<!-- query: {found[1]} -->\n```sql\n{query_text(found[1]).rstrip()}\n```",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
