"""The trials of an evaluation as a table of comma-separated values, for spreadsheets, R and pandas."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from grasp_tfp.files import in_one_piece

__all__ = ["COLUMNS", "rows_of_report", "write_csv"]

POSE = ("x", "y", "z", "yaw")
COLUMNS = (
    "robot",
    "method",
    "run",
    "index",
    "success",
    "failure",
    "stop_reason",
    "void",
    "num_steps",
    "decision_seconds",
    *POSE,
    "error_across",
    "error_yaw",
)
"""A row's fields, documented in docs/evaluation.md; what is not known of a trial is empty."""


def rows_of_report(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The trials that `report.summarise` recorded, void ones last, in rows as the protocol's log has them.

    Args:
        report: What it returned, with the robot of the evaluation beside.
    """
    for method, found in report["policies"].items():
        for outcome in found["outcomes"]:
            yield {"robot": report["robot"], "method": method, **outcome}
        for void in found["voids"]:
            yield {"robot": report["robot"], "method": method, "index": void["index"], "void": void["reason"]}


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a line for each trial, in one piece.

    Args:
        path: The file; it is replaced.
        rows: Trials, as `rows_of_report` or the protocol's log has them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_one_piece(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_flat, rows))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    pose, error = dict(zip(POSE, row.get("final_pose", ()), strict=False)), row.get("error") or {}
    success = "" if row.get("void") else int(row["success"])
    return {**row, **pose, "success": success, **{f"error_{name}": value for name, value in error.items()}}
