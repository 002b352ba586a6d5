"""`graspctl train critic` and `prior`, and `eval` of all policies on the same scenes."""

import contextlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grasp_tfp.experiments import table1
from graspctl.main import app

TINY = [
    "--set", "vision.image_size=16", "--set", "vision.filters=[4, 4, 4, 4, 4, 4]", "--set", "vision.feature_points=4",
    "--set", "vision.dense=[16, 16]", "--set", "density.components=2", "--set", "density.couplings=2",
    "--set", "critic.glances=2", "--set", "critic.hidden=[16, 16]", "--set", "train.steps=3",
    "--set", "train.batch_size=8",
]  # fmt: skip

ALL = "random,actor,cem,gmm-cem,actor-critic,ratio"


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an actor and a critic on one trunk, and a prior."""
    folder = tmp_path_factory.mktemp("evaluate")
    with contextlib.chdir(folder):
        for words in (
            ["collect", "--sim", "--trials", "400", "--workers", "1"],
            ["convert", "logs", "out", "--image-size", "16", "--workers", "1"],
            ["train", "joint", *TINY],
            ["train", "prior", *TINY],
        ):
            result = invoke(*words)
            assert result.exit_code == 0, (words, result.output, result.exception)
    return folder


@pytest.fixture(autouse=True)
def here(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of this file work in that folder."""
    monkeypatch.chdir(workplace)


def test_a_critic_is_trained_and_calibrated(workplace: Path) -> None:
    result = invoke(
        "train", "critic", *TINY, "--name", "judge", "--set", "critic.merge=map", "--set", "critic.merge_layer=2"
    )
    assert result.exit_code == 0, (result.output, result.exception)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Wrote     runs/judge/ (policy bundle ")
    assert "binary cross-entropy" in lines[2]
    assert "expected calibration error" in lines[3] and "runs/judge/calibration.png" in lines[3]
    assert lines[-1] == "Next      graspctl eval --sim --policy actor,cem,actor-critic -n 1000"
    assert (workplace / "runs/judge/calibration.png").read_bytes().startswith(b"\x89PNG")
    manifest = json.loads((workplace / "runs/judge/bundle/manifest.json").read_text())
    assert manifest["roles"] == ["critic"] and manifest["failures_kept"] == pytest.approx(0.1)
    only_critic = invoke("deploy", "runs/judge", "--robot", "kuka-3")
    assert only_critic.exit_code == 2 and "No trained policy in 'runs/judge'" in only_critic.stderr


def test_all_policies_run_the_same_trials_and_are_compared(workplace: Path) -> None:
    result = invoke("eval", "--sim", "--policy", ALL, "-n", "6", "--run", "runs/joint", "--run", "runs/prior")
    assert result.exit_code == 0, (result.output, result.exception)
    lines = result.stdout.splitlines()
    stem = f"runs/joint/eval/sim_{ALL.replace(',', '+')}_seed0_n6"
    assert lines[0] == f"Wrote     {stem}.json, {stem}.csv, {stem}.png"
    table, pairs = lines[1:7], lines[7:22]
    assert [line[10:].split()[0] for line in table] == ALL.split(",")
    assert all("/6 = " in line and " moves " in line and " ms a decision " in line for line in table)
    assert all("McNemar p" in line for line in pairs) and pairs[0].split()[:3] == ["random", "-", "actor"]
    assert lines[-1] == "Next      graspctl deploy runs/joint --robot kuka-3"
    report = json.loads((workplace / f"{stem}.json").read_text())
    assert len(report["comparisons"]) == 15
    for policy in report["policies"].values():
        assert [row["index"] for row in policy["outcomes"]] == list(range(6))
        assert sum(policy["failures"].values()) == 6 - policy["successes"]
        for row in policy["outcomes"]:
            assert len(row["gripper_poses"]) == row["num_steps"] and (row["failure"] == "") == row["success"]
    starts = [[row["gripper_poses"][0] for row in policy["outcomes"]] for policy in report["policies"].values()]
    assert all(start == starts[0] for start in starts)


def test_replay_draws_a_trial_of_each_policy(workplace: Path) -> None:
    line = ["eval", "--robot", "kuka-2", "--policy", "random,cem", "-n", "2", "--run", "runs/joint"]
    too_early = invoke(*line, "--replay", "1")
    assert too_early.exit_code == 2 and "without --replay first" in too_early.stderr
    assert invoke(*line).exit_code == 0
    result = invoke(*line, "--replay", "1")
    assert result.exit_code == 0, (result.output, result.exception)
    stem = workplace / "runs/joint/eval/kuka-2_random+cem_seed0_n2"
    for name in ("random", "cem"):
        assert stem.with_name(f"{stem.name}_trial1_{name}.png").read_bytes().startswith(b"\x89PNG")
    missing = invoke(*line, "--replay", "2")
    assert missing.exit_code == 2 and "expected a number from 0 to 1" in missing.stderr


def test_random_needs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("eval", "--sim", "--policy", "random", "-n", "3", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["policies"]["random"]["trials"] == 3
    assert (tmp_path / "runs/random/eval/sim_random_seed0_n3.json").is_file()
    without = invoke("eval", "--sim", "--policy", "cem", "-n", "3")
    assert without.exit_code == 2 and "Run graspctl train critic first" in without.stderr


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["--policy", "cme"], "Did you mean 'cem'?"),
        (["--task", "bottels"], "Did you mean 'bottles'?"),
        (["--policy", "cem,cem"], "Expected each policy once"),
        (["--policy", "ratio", "--run", "runs/joint"], "No trained prior in 'runs/joint'"),
        (["--policy", "actor", "--run", "runs/prior"], "No trained policy in 'runs/prior'"),
    ],
)
def test_bad_words_are_refused(words: list[str], phrase: str) -> None:
    result = invoke("eval", "--sim", *words)
    assert result.exit_code == 2 and phrase in result.stderr and len(result.stderr.splitlines()) == 1


def test_another_task_is_another_cell(workplace: Path) -> None:
    result = invoke("eval", "--sim", "--task", "bottles", "--policy", "random", "-n", "2")
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stdout.startswith("Wrote     runs/random/eval/sim-bottles_random_seed0_n2.json, runs/")
    with_robot = invoke("eval", "--robot", "kuka-1", "--task", "bottles")
    assert with_robot.exit_code == 2 and "--task with --sim only" in with_robot.stderr
    unfit = invoke("eval", "--sim", "--task", "bottles", "--run", "runs/joint", "--policy", "actor", "-n", "2")
    assert unfit.exit_code == 4 and "does not fit" in unfit.stderr


def test_table1_runs_the_papers_methods_on_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table1, "ROBOTS", 1)
    monkeypatch.setattr(table1, "QUICK", table1.Settings(runs=1, trials=2, task="blocks"))
    result = invoke("reproduce", "table1", "runs/joint", "--quick")
    assert result.exit_code == 0, (result.output, result.exception)
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines[4:7]] == [["here", "cem"], ["here", "actor"], ["here", "actor-critic"]]
    assert all("/2 = " in line for line in lines[4:7])
    assert lines[7] == "Wrote     reproduce/table1/table1.png, reproduce/table1/table1.json"
    unfit = invoke("reproduce", "table1", "runs/joint")
    assert unfit.exit_code == 2 and "expected that of the task bottles-5-heldout" in unfit.stderr
