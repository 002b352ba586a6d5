"""Film strips and contact sheets show how trials ended."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.errors import GraspError
from grasp_tfp.experiments.film_strip import draw_sheet, draw_trial
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.tasks import oracle_grasps
from grasp_tfp.trial import Trial


class _Oracle(RandomPolicy):
    """Goes to the first object's oracle grasp."""

    def choose(self, robot: SimRobot, rng: np.random.Generator) -> NDArray[np.float64]:  # type: ignore[override]
        return relative_action(robot.pose, oracle_grasps(robot.scene)[0])


@pytest.fixture(scope="module")
def trials() -> tuple[Trial, Trial]:
    """A success and a failure."""
    robot = SimRobot(seed=1)
    held = run_trial(robot, _Oracle(), 1, 0)
    missed = next(t for t in (run_trial(robot, RandomPolicy(), 1, index) for index in range(99)) if not t.success)
    robot.close()
    assert held.success
    return held, missed


def share(path: Path, red: bool) -> float:
    """Share of the pixels that have the colour of a failure's frame, or of a success's."""
    image = tf.io.decode_png(path.read_bytes(), channels=3).numpy().astype(int)
    one, other = (image[..., 0], image[..., 1]) if red else (image[..., 1], image[..., 0])
    return float(((one > 130) & (other < 60) & (image[..., 2] < 90)).mean())


def test_a_strip_is_framed_in_the_colour_of_its_label(trials: tuple[Trial, Trial], tmp_path: Path) -> None:
    held, missed = trials
    draw_trial(held, tmp_path / "held.png")
    draw_trial(missed, tmp_path / "missed.png")
    assert share(tmp_path / "held.png", red=False) > 0.001 > share(tmp_path / "missed.png", red=False)
    assert share(tmp_path / "missed.png", red=True) > share(tmp_path / "held.png", red=True)


def test_a_sheet_frames_each_trial(trials: tuple[Trial, Trial], tmp_path: Path) -> None:
    draw_sheet(trials, tmp_path / "sheet.png")
    assert share(tmp_path / "sheet.png", red=False) > 0.01
    assert share(tmp_path / "sheet.png", red=True) > 0.01
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_a_trial_without_images_or_scene_cannot_be_drawn(trials: tuple[Trial, Trial], tmp_path: Path) -> None:
    import dataclasses

    with pytest.raises(GraspError, match="expected logged images or a scene"):
        draw_trial(dataclasses.replace(trials[0], scene=None), tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
