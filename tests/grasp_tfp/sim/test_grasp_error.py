"""The error of a grasp."""

import math

import numpy as np
import pytest

from grasp_tfp.sim.geometry import JAW
from grasp_tfp.sim.grasp_error import grasp_error
from grasp_tfp.sim.tasks import TASKS, find_task, oracle_grasps
from grasp_tfp.trial import Scene

TURNED = math.radians(30)
BLOCKS = Scene(
    ("block", "block"),
    np.array([[0.5, 0.0, 0.02, 0, 0, 0, 1], [0.6, 0.0, 0.02, 0, 0, math.sin(TURNED / 2), math.cos(TURNED / 2)]]),
)


@pytest.mark.parametrize("task", TASKS)
def test_a_person_s_grasps_have_no_error(task: str) -> None:
    for index in range(5):
        scene = find_task(task).scene(np.random.default_rng([8, index]))
        for grasp in oracle_grasps(scene):
            np.testing.assert_allclose(grasp_error(scene, grasp), 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "yaw", "across", "turn"),
    [
        (0.5, 0.0, math.pi / 2, 0.0, 0.0),
        (0.53, 0.0, math.pi / 2, 0.0, 0.0),
        (0.5, 0.012, math.pi / 2, 0.012, 0.0),
        (0.5, -0.012, -math.pi / 2, 0.012, 0.0),
        (0.5, 0.0, 0.0, 0.0, math.pi / 2),
        (0.6, 0.0, math.radians(100), 0.0, math.radians(20)),
    ],
)
def test_the_error_is_across_the_nearest_block(x: float, y: float, yaw: float, across: float, turn: float) -> None:
    error = grasp_error(BLOCKS, np.array([x, y, JAW.grasp_height, yaw]))
    np.testing.assert_allclose(error, (across, turn), atol=1e-9)


def test_an_object_that_stands_has_no_yaw() -> None:
    scenes = (find_task("bottles").scene(np.random.default_rng([8, index])) for index in range(20))
    grasps = [(scene, grasp) for scene in scenes for grasp in oracle_grasps(scene)]
    turned = [grasp_error(scene, grasp + [0, 0, 0, 0.3]).yaw for scene, grasp in grasps]
    assert {round(yaw, 6) for yaw in turned} == {0.0, 0.3}
