"""What the documentation site takes from elsewhere: `{{ README: Heading }}` stands for that section of README.md."""

import re
from pathlib import Path
from typing import Any

__all__ = ["on_page_markdown", "section"]

README = Path(__file__).parents[1] / "README.md"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for each page."""
    return re.sub(r"^\{\{ README: (.+) \}\}$", lambda found: section(found[1]), markdown, flags=re.MULTILINE)


def section(heading: str) -> str:
    """The text below a heading of README.md, its links as they are from `docs/`.

    Raises:
        LookupError: README.md has no such heading.
    """
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"README.md has no section {heading!r}. Change the page that includes it.")
    return found[1].strip().replace("](docs/", "](")
