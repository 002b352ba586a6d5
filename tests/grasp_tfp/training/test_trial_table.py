"""The rows of an evaluation as comma-separated values."""

import csv
from pathlib import Path
from typing import Any

from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.evaluation import evaluate
from grasp_tfp.training.protocol import Protocol, run_protocol
from grasp_tfp.training.report import summarise
from grasp_tfp.training.trial_table import COLUMNS, rows_of_report, write_csv


def read(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_trial_is_a_row_with_what_the_report_says_of_it(tmp_path: Path) -> None:
    robot = SimRobot("cell, left", "blocks", 3, image_size=16)
    found = evaluate([robot], RandomPolicy(), trials=40)
    report = {"robot": robot.name} | summarise([found])
    robot.close()
    write_csv(tmp_path / "eval" / "rows.csv", rows_of_report(report))
    rows = read(tmp_path / "eval" / "rows.csv")
    assert list(rows[0]) == list(COLUMNS) and [path.name for path in tmp_path.rglob("*.*")] == ["rows.csv"]
    assert {(row["robot"], row["method"], row["run"], row["void"]) for row in rows} == {
        ("cell, left", "random", "", "")
    }
    assert sum(int(row["success"]) for row in rows) == found.rate.successes > 0
    for row, outcome in zip(rows, found.outcomes, strict=True):
        assert (int(row["index"]), row["failure"], row["stop_reason"], int(row["num_steps"])) == (
            outcome.index, outcome.failure, outcome.stop_reason, outcome.num_steps)  # fmt: skip
        assert [float(row[name]) for name in ("x", "y", "z", "yaw")] == outcome.final_pose.tolist()
        assert outcome.error is not None and float(row["error_yaw"]) == outcome.error.yaw
        assert float(row["error_across"]) == outcome.error.across


def test_rows_of_the_protocol_fit_the_same_columns(tmp_path: Path) -> None:
    robot = SimRobot("kuka-1", "blocks", 3, image_size=16)
    rows = run_protocol([robot], {"random": RandomPolicy()}, Protocol(("random",), 2, 3), tmp_path / "log.jsonl")
    robot.close()
    rows.append({"robot": "kuka-1", "method": "random", "run": 1, "index": 6, "void": "link is down", "success": False})
    write_csv(tmp_path / "rows.csv", rows)
    found = read(tmp_path / "rows.csv")
    assert [row["run"] for row in found] == ["0", "0", "0", "1", "1", "1", "1"]
    assert found[0]["success"] in "01" and found[0]["error_yaw"] == ""
    assert (found[-1]["success"], found[-1]["void"], found[-1]["x"]) == ("", "link is down", "")


def test_void_trials_of_a_report_are_rows_too(tmp_path: Path) -> None:
    voids = [{"index": 4, "reason": "link is down"}]
    report = {"robot": "kuka-1", "policies": {"actor": {"outcomes": [], "voids": voids}}}
    write_csv(tmp_path / "rows.csv", rows_of_report(report))
    (row,) = read(tmp_path / "rows.csv")
    assert (row["method"], row["index"], row["success"], row["void"]) == ("actor", "4", "", "link is down")
