"""`graspctl` on an arm behind rosbridge as on a real one: labels by pictures, logs, void trials, and dry runs."""

import contextlib
import importlib.resources
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds
from typer.testing import CliRunner, Result

from grasp_pipelines.trial_log import log_files, read_trials
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.fleet import FLEET
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.evaluation import evaluate
from graspctl.main import app

Serve = Callable[..., contextlib.AbstractContextManager[Any]]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a lab's fleet file, which is the shipped one at first."""
    shipped = importlib.resources.files("grasp_tfp.robots").joinpath("robots.toml").read_text(encoding="utf-8")
    (tmp_path / "lab.toml").write_text(shipped, encoding="utf-8")
    monkeypatch.setenv(FLEET, str(tmp_path / "lab.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_labels_by_pictures_to_a_dataset_of_real_trials(serve: Serve, lab: Path) -> None:
    """The cell learns, grasps, logs and converts; every label is the one that the cell itself knows."""
    with serve("ros2", speed=50.0) as arm:
        arm.write_fleet(lab / "lab.toml")
        learned = invoke("robots", "labels", "kuka-3")
        assert learned.exit_code == 0, (learned.output, learned.exception)
        assert "labels/kuka-3/labels.json, from 20 pairs, 20 of them new" in learned.stdout
        assert "from 20 pairs, 0 of them new" in invoke("robots", "labels", "kuka-3").stdout
        arm.write_fleet(lab / "lab.toml", labels="labels/kuka-3/labels.json")
        assert "ok      labels          image-difference" in invoke("robots", "check", "kuka-3").stdout
        words = ["eval", "--robot", "kuka-3", "--methods", "random", "--runs", "1", "--trials", "4", "--json"]
        pictured = invoke(*words)
        assert pictured.exit_code == 0, (pictured.output, pictured.exception)
        simulated = SimRobot("kuka-3", "blocks", arm.entry.seed)
        truth = evaluate([simulated], RandomPolicy(), trials=4).successes
        simulated.close()
    lines = (lab / "runs/random/eval/kuka-3_random_seed0_1x4.jsonl").read_text().splitlines()[1:]
    rows = [json.loads(line) for line in lines]
    assert [row["label_source"] for row in rows] == ["image-difference"] * 4
    assert [row["success"] for row in rows] == truth and any(truth) and not all(truth)

    (log,) = log_files(lab / "runs/random/eval/logs")
    trials = list(read_trials(log))
    assert {trial.label_source for trial in trials} == {"image-difference"}
    assert [trial.success for trial in trials] == truth
    assert all(len(trial.images) == trial.num_steps and trial.scene is None for trial in trials)
    assert len({trial.trial_id for trial in trials}) == 4 and trials[0].trial_id.startswith("kuka-3-20")
    converted = invoke("convert", "runs/random/eval/logs", "out", "--failures", "1", "--workers", "1")
    assert converted.exit_code == 0, (converted.output, converted.exception)
    builder, steps = tfds.builder_from_directory(lab / "out"), dict[str, list[Any]]()
    for split in builder.info.splits:
        for example in tfds.as_numpy(builder.as_dataset(split=split)):
            steps.setdefault(example["trial_id"].decode(), []).append(example)
    assert len(steps) == 4
    for trial in trials:
        assert len(steps[trial.trial_id]) == trial.num_steps
        assert {bool(step["success"]) for step in steps[trial.trial_id]} == {trial.success}


def test_real_cells_need_corners_and_simulated_ones_no_labels(serve: Serve, lab: Path) -> None:
    with serve("ros2", speed=50.0) as arm:
        arm.write_fleet(lab / "lab.toml", twin=False)
        asked = invoke("robots", "labels", "kuka-3")
        assert (asked.exit_code, "Expected --corners" in asked.stderr, "Nothing has moved" in asked.stderr) == (
            2,
            True,
            True,
        )
        wrong = invoke("robots", "labels", "kuka-3", "--corners", "1,2 3,4")
        assert (wrong.exit_code, "Expected four corners x,y of a picture of 472 pixels" in wrong.stderr) == (2, True)
    (lab / "lab.toml").write_text('[kuka-1]\ndriver = "sim"\ntask = "blocks"\n', encoding="utf-8")
    simulated = invoke("robots", "labels", "kuka-1")
    assert (simulated.exit_code, "knows what it holds" in simulated.stderr) == (2, True)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("stale-image", "expected a new camera image"),
        ("repeated-image", "the camera repeats one image although the arm moved"),
        ("black-image", "the picture is black"),
    ],
)
@pytest.mark.parametrize("protocol", [True, False], ids=["runs", "trials"])
def test_a_bad_picture_voids_its_trial_and_the_evaluation_goes_on(
    fault: str, reason: str, protocol: bool, serve: Serve, lab: Path
) -> None:
    with serve("ros2", speed=50.0, fault=fault, fault_in=1, image_age=2.0) as arm:
        arm.write_fleet(lab / "lab.toml")
        runs = ["--runs", "1", "--trials", "3"] if protocol else ["-n", "3"]
        measured = invoke("eval", "--robot", "kuka-3", "--methods", "random", *runs, "--json")
    assert measured.exit_code == 0, (measured.output, measured.exception)
    report = json.loads(measured.stdout)
    if protocol:
        lines = (lab / "runs/random/eval/kuka-3_random_seed0_1x3.jsonl").read_text().splitlines()[1:]
        voids = {row["index"]: row["void"] for row in map(json.loads, lines)}
    else:
        random = report["policies"]["random"]
        voids = dict.fromkeys((row["index"] for row in random["outcomes"]), "")
        voids |= {void["index"]: void["reason"] for void in random["voids"]}
        assert random["trials"] == 2
    assert sorted(voids) == [0, 1, 2] and voids[0] == voids[2] == ""
    assert reason in voids[1]
    (log,) = log_files(lab / "runs/random/eval/logs")
    assert [trial.index for trial in read_trials(log)] == [0, 2]


def test_a_camera_that_stays_dark_and_a_stop_end_the_run(serve: Serve, lab: Path) -> None:
    words = ["eval", "--robot", "kuka-3", "--policy", "random", "-n", "9"]
    with serve("ros2", speed=50.0, fault="black-image") as arm:
        arm.write_fleet(lab / "lab.toml")
        dark = invoke(*words)
        assert (dark.exit_code, "3 void trials in a row" in dark.stderr) == (3, True), dark.output
    with serve("ros2", fault="drop") as arm:
        arm.write_fleet(lab / "lab.toml")
        stopped = invoke(*words)
        assert (stopped.exit_code, "connection to rosbridge was lost" in stopped.stderr) == (5, True), stopped.output


def test_a_dry_run_decides_and_builds_no_message_that_moves(serve: Serve, lab: Path, heard: list[str]) -> None:
    with serve("ros2", speed=50.0) as arm:
        arm.write_fleet(lab / "lab.toml")
        shown = invoke("eval", "--robot", "kuka-3", "--bundle", "--policy", "random,ensemble,actor", "--dry-run")
        assert shown.exit_code == 0, (shown.output, shown.exception)
        first, *decisions = shown.stdout.splitlines()
        assert first.startswith("kuka-3 stands at x +0.5") and "no message that moves it was sent" in first
        assert [line.split()[0] for line in decisions] == ["random", "ensemble", "actor"]
        assert all("would go by x" in line and "within its limits, in" in line for line in decisions)
        report = json.loads(invoke("eval", "--robot", "kuka-3", "--policy", "random", "--dry-run", "--json").stdout)
        assert report["decisions"]["random"]["seconds"] > 0
        assert {operation.split()[0] for operation in heard} == {"call_service"}
        assert {operation.split()[1] for operation in heard} == {"/graspctl/describe"}
        with contextlib.closing(arm.connect()) as robot:
            robot.empty_pair(0)
        aside = invoke("eval", "--robot", "kuka-3", "--policy", "random", "--dry-run").stdout
        assert "outside its workspace, where no move is feasible. Try graspctl robots home kuka-3" in aside
        assert 'stands at {"x": 0.5' in invoke("robots", "home", "kuka-3").stdout
        assert "within its limits" in invoke("eval", "--robot", "kuka-3", "--policy", "random", "--dry-run").stdout
    assert not (lab / "runs").exists()
    assert "Expected --robot NAME with --dry-run" in invoke("eval", "--sim", "--policy", "random", "--dry-run").stderr


def test_a_dry_run_says_why_a_move_is_refused(serve: Serve, lab: Path) -> None:
    with serve("ros2", speed=50.0) as arm:
        limits = dict(arm.entry.settings["limits"]) | {"max_step_m": 0.001}
        arm.write_fleet(lab / "lab.toml", limits=limits)
        shown = invoke("eval", "--robot", "kuka-3", "--policy", "random", "--dry-run")
    assert "would not move: none of the moves that it would make is feasible" in shown.stdout
