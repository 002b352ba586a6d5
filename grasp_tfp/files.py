"""Files that appear in one piece: whoever reads one finds the old content or the new, never a part of it."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["in_one_piece", "write_json"]


@contextlib.contextmanager
def in_one_piece(path: Path) -> Iterator[Path]:
    """Where to write a file, which takes the place of `path` when the block ends well, and else goes."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any], indent: int | None = 2) -> None:
    """Writes a JSON file in one piece, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_one_piece(path) as partial:
        partial.write_text(json.dumps(values, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
