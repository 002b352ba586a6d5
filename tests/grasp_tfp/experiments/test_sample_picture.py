"""The picture shows samples where they lie."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from grasp_tfp.actions import relative_action
from grasp_tfp.experiments.sample_picture import draw_samples
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.tasks import oracle_grasps


class _Oracle:
    """Proposes the oracle grasps, the second one far less probable."""

    digest = ""

    def __init__(self, robot: SimRobot) -> None:
        self._robot = robot

    def act(self, image: Any, initial_image: Any, seed: Any) -> Any:
        actions = relative_action(self._robot.pose, oracle_grasps(self._robot.scene))
        return actions[None].astype(np.float32), np.array([[3.0, -3.0]], np.float32)


def test_samples_are_drawn_in_green_and_red(tmp_path: Path) -> None:
    robot = SimRobot(seed=1)
    path = tmp_path / "samples.png"
    draw_samples(robot, _Oracle(robot), path, indices=(3,))
    image = tf.io.decode_png(path.read_bytes(), channels=3).numpy().astype(int)
    red, green, blue = (image[..., channel] for channel in range(3))
    picture = slice(0, int(image.shape[1] * 0.75))
    assert ((green > red + 60) & (green > blue + 40))[:, picture].sum() > 20
    assert ((red > 150) & (green < 30) & (blue < 60))[:, picture].sum() > 20
    assert [file.name for file in tmp_path.iterdir()] == ["samples.png"]
    robot.close()
