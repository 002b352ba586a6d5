"""The examples of docs/extending.md do what the page says, from the files that it shows."""

import contextlib
import importlib
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from grasp_pipelines.collect import collect
from grasp_pipelines.convert import convert
from grasp_tfp.errors import RobotError, UsageError
from grasp_tfp.robots.contract import CHECKS
from grasp_tfp.robots.fleet import connect, find_robot
from grasp_tfp.robots.robot import Robot
from grasp_tfp.sim.objects import find_object
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.tasks import describe_cell_of, find_task, oracle_grasps, task_names
from graspctl.main import app

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
GANTRY = {
    "graspctl.robots": {"gantry": "gantry:GantryRobot"},
    "graspctl.tasks": {"broken": "cubes:LARGE", "gone": "no:T"},
}
FLEET = '[left]\ndriver = "gantry"\ntask = "blocks"\naddress = "10.0.0.7"\n'


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Does with the files what installing them does, here and in worker processes."""
    site = tmp_path_factory.mktemp("site")
    cubes = tomllib.loads((EXAMPLES / "cubes.toml").read_text("utf-8"))["project"]["entry-points"]
    for name, groups in {"cubes": cubes, "gantry": GANTRY}.items():
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "".join(
                f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
                for group, entries in groups.items()
            )
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield


def test_the_task_is_known_by_name_and_a_wrong_one_is_one_line() -> None:
    assert task_names()[-3:] == ["broken", "cubes", "gone"]
    assert describe_cell_of(["cubes"]) == describe_cell_of(["blocks"])
    with pytest.raises(UsageError, match="Cannot use the task 'broken': expected a Task"):
        find_task("broken")
    with pytest.raises(UsageError, match=r"Cannot load 'gone' of graspctl\.tasks: No module named 'no'"):
        find_task("gone")
    with pytest.raises(UsageError, match=r"cubez.*cubes"):
        find_task("cubez")


def test_the_cubes_can_be_grasped() -> None:
    world, held = GraspWorld(), 0
    for index in range(10):
        scene = find_task("cubes").scene(np.random.default_rng([7, index]))
        held += sum(world.grasp(scene, grasp).success for grasp in oracle_grasps(scene)[:1])
    world.close()
    assert held >= 9
    assert find_object("large-cube").mass == 0.10


def test_the_task_is_collected_and_rendered_by_worker_processes(tmp_path: Path) -> None:
    assert collect(tmp_path / "logs", task="cubes", trials=40, seed=1, workers=2).trials == 40
    report = convert(tmp_path / "logs", tmp_path / "out", image_size=32, failures=1.0, workers=2)
    assert report.trials == 40
    assert json.loads((tmp_path / "out" / "graspctl.json").read_bytes())["tasks"] == {"cubes": 40}


def test_the_density_is_trained_and_its_bundle_needs_no_module(tmp_path: Path) -> None:
    collect(tmp_path / "logs", trials=300, workers=1)
    convert(tmp_path / "logs", tmp_path / "out", image_size=32, failures=0.0, workers=1)
    tiny = ["vision.image_size=32", "vision.filters=[4, 4, 4, 4, 4, 4]", "vision.feature_points=4", "train.steps=2",
            "vision.dense=[16, 16]", "density.components=3", "train.batch_size=8"]  # fmt: skip
    train = importlib.import_module("train_student_t").train_student_t
    policy = train(tmp_path / "out", tmp_path / "run", tiny)
    images = np.zeros((32, 32, 3), np.uint8)
    actions, log_probs = policy.sample(images, images, n=16, seed=0)
    assert actions.shape == (16, 4) and np.isfinite(log_probs).all() and policy.manifest["model"] == "student-t"


def test_the_density_integrates_to_one() -> None:
    tf, student_t = importlib.import_module("tensorflow"), importlib.import_module("student_t")
    density: Any = student_t.StudentMixture(
        tf.constant([[0.0, 1.0]]), tf.constant([[[-1.0], [2.0]]]), tf.constant([[[0.5], [1.0]]])
    )
    grid = np.linspace(-2000, 2000, 400_001, dtype=np.float32)[:, None, None]
    assert abs(float(tf.reduce_sum(tf.exp(density.log_prob(grid)))) * 0.01 - 1) < 2e-3
    samples = density.sample(20_000, seed=1).numpy()[:, 0, 0]
    below = float(tf.reduce_sum(tf.exp(density.log_prob(grid[grid[:, 0, 0] < 1])))) * 0.01
    assert abs(float(np.mean(samples < 1)) - below) < 0.015


@pytest.fixture(scope="module")
def gantry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    path = tmp_path_factory.mktemp("fleet") / "lab.toml"
    path.write_text(FLEET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRASPCTL_FLEET", str(path))
        entry = find_robot("left")
    with contextlib.closing(connect(entry, 64)) as robot:
        yield robot


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_driver_keeps_the_contract(check: Callable[[Robot], None], gantry: Robot) -> None:
    check(gantry)


def test_a_dry_run_of_the_driver_moves_nothing(gantry: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab.toml").write_text(FLEET)
    monkeypatch.setenv("GRASPCTL_FLEET", str(tmp_path / "lab.toml"))
    robot: Any = connect(find_robot("left"), 64, dry_run=True)
    assert robot.feasible(np.zeros((1, 4))).tolist() == [True]
    with pytest.raises(RobotError, match="left was connected for a dry run"):
        robot.move(np.zeros(4))
    robot.close()
    assert robot.library.goto_count == 0
    listed = CliRunner().invoke(app, ["robots", "list"]).stdout
    assert "left        gantry" in listed
