"""The paper's table as it can be read, and ours beside it."""

import json
from pathlib import Path
from typing import Any

import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.experiments import table1
from grasp_tfp.experiments.reproduction import table
from grasp_tfp.training.protocol import Protocol, Row


def test_all_cells_of_the_paper_but_one_are_a_210th_rounded_or_cut_off() -> None:
    odd = []
    for name, counts in table1.paper_counts().items():
        for cell, count in zip(table1.PAPER[name], counts, strict=True):
            if not any(
                abs(100 * k / 210 - cell) < 0.0501 or 0 <= 100 * k / 210 - cell < 0.1
                for k in (count - 1, count, count + 1)
            ):
                odd.append(cell)
    assert odd == [86.9]


def test_the_papers_rows_have_counts_and_intervals() -> None:
    assert [(row["method"], row["all"]) for row in table1.paper_rows()] == [
        ("cem", "992/1260 = 78.7 % [76.4, 80.9]"),
        ("actor", "967/1260 = 76.7 % [74.3, 79.0]"),
        ("actor-critic", "1044/1260 = 82.9 % [80.7, 84.8]"),
    ]


def _rows(robots: list[str], protocol: Protocol, fails: dict[str, int]) -> list[Row]:
    """Of every ten trials, a method fails in the first few."""
    return [
        {"robot": robot, "run": block // protocol.trials, "index": block, "method": method, "void": "",
         "success": block % 10 >= fails[method], "failure": "" if block % 10 >= fails[method] else "missed",
         "num_steps": 3, "decision_seconds": 0.0}
        for robot in robots for block in range(protocol.runs * protocol.trials) for method in protocol.methods
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        ({"cem": 3, "actor": 3, "actor-critic": 1}, ["reproduced"] * 3),
        ({"cem": 1, "actor": 3, "actor-critic": 3}, ["not reproduced"] * 3),
        ({"cem": 3, "actor": 1, "actor-critic": 1}, ["not reproduced", "reproduced", "not reproduced"]),
    ],
)
def test_the_verdicts_follow_the_trials(
    fails: dict[str, int], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def evaluate(twins: Any, bundles: Any, protocol: Protocol, logs: Any, progress: Any) -> list[Row]:
        asked.extend(twins)
        return _rows([twin.name for twin in twins], protocol, fails)

    monkeypatch.setattr(table1, "evaluate_fleet", evaluate)
    done = table1.reproduce(tmp_path, bundles={}, settings=table1.Settings(runs=3, trials=10))
    assert [verdict.status for verdict in done.verdicts] == expected
    assert {(twin.driver, twin.task) for twin in asked} == {("sim", "bottles-5-heldout")} and len(asked) == 7
    assert len(table(done.rows)) == 7 and [row["source"] for row in done.rows] == ["paper"] * 3 + ["here"] * 3
    assert done.rows[3]["run 3"] == f"{100 - 10 * fails['cem']:.1f}" and done.rows[3]["run 4"] == "-"
    assert "/210 = " in done.rows[3]["all"]
    assert (tmp_path / "table1.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((tmp_path / "table1.json").read_text())
    assert report["results"]["paper"]["actor-critic - cem"] == "+4.1 points [+1.1, +7.2], p = 0.0085"


def test_a_policy_for_another_cell_is_told_what_to_train(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/manifest.json").write_text('{"cell": {"workspace": {"half_width": 0.08}}}')
    with pytest.raises(UsageError, match="expected that of the task bottles-5-heldout"):
        table1.reproduce(tmp_path, bundles={"actor": tmp_path / "bundle"})
