"""`graspctl compare`: evaluations of several runs side by side."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graspctl.main import app


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random policies of two seeds, evaluated on the same ten scenes, as the evaluations of two runs."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, seed in (("one", "0"), ("two", "1")):
            result = invoke("eval", "--sim", "--policy", "random", "-n", "10", "--seed", seed)
            assert result.exit_code == 0, result.output
            (folder / name).mkdir()
            shutil.move("runs/random/eval", f"{name}/eval")
    for path in (folder / "two" / "eval").iterdir():
        path.rename(path.with_name(path.name.replace("seed1", "seed0")))
    return folder


def test_runs_are_compared_trial_by_trial(runs: Path) -> None:
    result = invoke("compare", str(runs / "one"), str(runs / "two"))
    assert result.exit_code == 0, result.output
    one, two, difference, _ = result.output.splitlines()
    assert one.startswith("one random  ") and two.startswith("two random  ") and "/10 = " in one
    assert difference.startswith("one random - two random  ") and "McNemar p = " in difference


def test_json_says_what_was_compared(runs: Path) -> None:
    report = json.loads(invoke("compare", str(runs / "one"), str(runs / "two"), "--json").stdout)
    held = {
        name: [row["success"] for row in found["outcomes"]] for name, found in report["policies"].items()
    }  # fmt: skip
    (found,) = report["comparisons"]
    assert found["policies"] == ["one random", "two random"] and len(report["evaluations"]) == 2
    pairs = list(zip(held["one random"], held["two random"], strict=True))
    assert (found["only_first"], found["only_second"]) == (pairs.count((True, False)), pairs.count((False, True)))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["one"], "Expected two different runs or more"),
        (["one", "one"], "Expected two different runs or more"),
        (["one", "nowhere"], "Cannot read 'nowhere'"),
        (["one", "bare"], "No evaluation that one, bare all have"),
        (["one", "other.json"], "expected an evaluation of blocks by sim, received one of bottles by sim-bottles"),
        (["one", "else.json"], "Expected files that graspctl eval wrote without --runs"),
    ],
)
def test_what_cannot_be_compared_is_said(
    runs: Path, words: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    (runs / "bare").mkdir(exist_ok=True)
    (evaluation,) = (runs / "one" / "eval").glob("*.json")
    changed = json.loads(evaluation.read_text()) | {"task": "bottles", "robot": "sim-bottles"}
    (runs / "other.json").write_text(json.dumps(changed))
    (runs / "else.json").write_text("{}")
    result = invoke("compare", *words)
    assert result.exit_code == 2 and reason in result.stderr and result.stderr.count("\n") == 1
