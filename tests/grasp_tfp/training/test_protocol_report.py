"""The table of the protocol, from rows that are known."""

from typing import Any

import pytest

from grasp_tfp.training.protocol import Protocol
from grasp_tfp.training.protocol_report import analyse, report_lines


def _row(robot: str, run: int, index: int, method: str, success: bool, void: str = "") -> dict[str, Any]:
    row = {"robot": robot, "run": run, "index": index, "method": method, "void": void, "success": success}
    return row | ({} if void else {"failure": "" if success else "missed", "num_steps": 4, "decision_seconds": 0.01})


def _rows(robots: tuple[str, ...], runs: int, trials: int) -> list[dict[str, Any]]:
    """Method `a` fails in the first trial of a run, `b` in the first three."""
    return [
        _row(robot, run, run * trials + trial, method, trial >= fails)
        for robot in robots
        for run in range(runs)
        for trial in range(trials)
        for method, fails in (("a", 1), ("b", 3))
    ]


def test_the_table_of_one_robot() -> None:
    rows = _rows(("kuka-3",), 2, 10)
    rows[0] = _row("kuka-3", 0, 0, "a", False, void="no image")
    report = analyse(Protocol(("a", "b"), 2, 10), rows)
    assert report_lines(report) == [
        "method  run 1  run 2  all                          void  moves",
        "a       100.0  90.0   18/19 = 94.7 % [75.4, 99.1]  1     4.0",
        "b       70.0   70.0   14/20 = 70.0 % [48.1, 85.5]  0     4.0",
        "",
        "b - a  -21.1 points [-43.4, +1.6], 0 against 4, McNemar p = 0.12: underpowered, 35 trials would show it",
        "failures of a: missed 1",
        "failures of b: missed 6",
        "void, a: no image",
    ]
    assert report["methods"]["a"]["runs"][0]["trials"] == 9
    assert report["comparisons"][0]["pairs"] == {"both": 14, "only_first": 0, "only_second": 4, "neither": 1}
    assert report["made"] == report["planned"] == 40


def test_several_robots_are_pooled() -> None:
    robots = ("kuka-1", "kuka-2", "kuka-3")
    report = analyse(Protocol(("a", "b"), 2, 10), _rows(robots, 2, 10))
    lines = report_lines(report)
    assert [line.split()[0] for line in lines if line.startswith("kuka-")] == list(robots)
    assert report["methods"]["b"]["successes"] == 42 and report["methods"]["b"]["robots"]["kuka-2"]["successes"] == 14
    (found,) = report["comparisons"]
    assert found["methods"] == ["b", "a"] and found["clusters"] == 6
    assert found["difference"] == found["mantel_haenszel"]["difference"] == pytest.approx(-0.2)
    assert found["bootstrap_interval"] == pytest.approx((-0.2, -0.2))
    assert sum("Mantel-Haenszel over 3 robots" in line or "6 runs of robots drawn again" in line for line in lines) == 2


def test_after_an_early_stop_every_interval_allows_it() -> None:
    rows = _rows(("kuka-3",), 1, 10)
    report = analyse(Protocol(("a", "b"), 6, 30, stop_early=True), rows)
    text = "\n".join(report_lines(report))
    assert "McNemar" not in text and text.count("at any time") == 3
    assert "20 of 360 trials: it stopped early" in text
    low, high = report["methods"]["a"]["anytime_interval"]
    assert f"[{100 * low:.1f}, {100 * high:.1f}] at any time" in text


def test_a_method_without_a_trial_shows_none() -> None:
    report = analyse(Protocol(("a", "b"), 2, 10), [_row("kuka-3", 0, 0, "a", True)])
    lines = report_lines(report)
    assert lines[2].split()[:3] == ["b", "-", "-"]
    assert lines[-1] == "1 of 40 trials: it is not complete"
