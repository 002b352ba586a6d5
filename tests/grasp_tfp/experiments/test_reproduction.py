"""Verdicts, tables, and parts of the work that are not done twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from grasp_tfp.experiments.reproduction import Reproduction, finished, judge, table, write


@pytest.mark.parametrize(
    ("held", "status"),
    [([True, True], "reproduced"), ([True, False], "partly reproduced"), ([False, False], "not reproduced")],
)
def test_a_claim_holds_in_all_some_or_no_cases(held: list[bool], status: str) -> None:
    assert str(judge("It falls.", held, "By 3.")) == f"{status}: It falls. By 3."


def test_a_table_is_aligned() -> None:
    rows: list[dict[str, Any]] = [{"name": "a", "values": [-1e-9, 0.25]}, {"name": "longer", "values": 1234.5}]
    assert table(rows) == ["name    values", "a       0.000 0.250", "longer  1234"]


def test_finished_work_is_not_done_again_unless_its_settings_change(tmp_path: Path) -> None:
    done: list[int] = []

    def compute() -> dict[str, int]:
        done.append(1)
        return {"value": len(done)}

    path = tmp_path / "finished" / "part.json"
    assert finished(path, {"steps": 1}, compute) == finished(path, {"steps": 1}, compute) == {"value": 1}
    assert finished(path, {"steps": 2}, compute) == {"value": 2}
    assert [file.name for file in path.parent.iterdir()] == ["part.json"]


def test_work_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> dict[str, int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finished(tmp_path / "part.json", {}, fail)
    assert list(tmp_path.iterdir()) == []


def test_a_reproduction_is_a_picture_and_json(tmp_path: Path) -> None:
    verdict = judge("It falls.", [True], "By 3.")
    done = write(Reproduction("fig9", 4, {"steps": 1}, [{"a": 1.0}], [verdict]), Figure(), tmp_path / "new")
    assert done.picture == str(tmp_path / "new" / "fig9.png")
    kept = json.loads((tmp_path / "new" / "fig9.json").read_text())
    assert kept["verdicts"] == [{"claim": "It falls.", "status": "reproduced", "evidence": "By 3."}]
    assert kept["picture"] == "fig9.png" and kept["seed"] == 4
