"""What the reproduction of a figure or table hands back, and how it and its finished parts are kept on disk."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from grasp_tfp.experiments.picture import save_picture
from grasp_tfp.files import write_json

__all__ = ["Progress", "Reproduction", "Verdict", "finished", "judge", "kept", "table", "write"]

Progress = Callable[[int, int, str], None]
"""Called with the units of work done, the units in all, and what is being done."""

DPI = 100


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim of the paper, and what was measured of it."""

    claim: str
    status: str
    """`reproduced`, `partly reproduced` or `not reproduced`."""

    evidence: str
    """The numbers, in one sentence."""

    def __str__(self) -> str:
        return f"{self.status}: {self.claim} {self.evidence}"


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """A figure or table of the paper, reproduced."""

    name: str
    """Such as `fig3`."""

    seed: int
    settings: dict[str, Any]
    """Everything else that decides what was computed."""

    rows: list[dict[str, Any]]
    """The table, one mapping from column to value for each row."""

    verdicts: list[Verdict]
    results: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What else was measured."""

    picture: str = ""
    """Path of the PNG."""


def judge(claim: str, held: Iterable[bool], evidence: str) -> Verdict:
    """The verdict on a claim from whether it held in each case that was tried."""
    cases = list(held)
    status = "reproduced" if all(cases) else "partly reproduced" if any(cases) else "not reproduced"
    return Verdict(claim, status, evidence)


def kept(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a part of the work that was finished with these settings before; None if it was not."""
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return dict(found["result"]) if found["settings"] == json.loads(json.dumps(settings)) else None


def finished(path: Path, settings: dict[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of a part of the work: what was `kept` of it, else computed and kept.

    Args:
        path: JSON file of this part.
        settings: Everything that decides its result.
        compute: Does the work; its result must survive JSON.
    """
    found = kept(path, settings)
    if found is None:
        found = dict(json.loads(json.dumps(compute())))
        write_json(path, {"settings": settings, "result": found}, indent=1)
    return found


def write(reproduction: Reproduction, figure: Figure, out: Path) -> Reproduction:
    """Writes NAME.png and NAME.json into a folder; returns the reproduction with the path of its picture."""
    out.mkdir(parents=True, exist_ok=True)
    picture = out / f"{reproduction.name}.png"
    save_picture(figure, picture, DPI)
    done = dataclasses.replace(reproduction, picture=str(picture))
    write_json(out / f"{reproduction.name}.json", dataclasses.asdict(done) | {"picture": picture.name}, indent=1)
    return done


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows as aligned lines of text under a line of column names."""
    cells = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return str(value)
