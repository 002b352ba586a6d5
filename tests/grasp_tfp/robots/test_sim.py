"""The simulated cell as a robot."""

from collections.abc import Iterator

import numpy as np
import pytest

from grasp_tfp.actions import relative_action
from grasp_tfp.robots.robot import Robot
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import JAW, TRAY, WORKSPACE
from grasp_tfp.sim.tasks import oracle_grasps


@pytest.fixture(scope="module")
def robot() -> Iterator[SimRobot]:
    cell = SimRobot(seed=3)
    yield cell
    cell.close()


def test_a_trial_is_a_function_of_task_seed_and_index(robot: SimRobot) -> None:
    robot.begin(5)
    pose, scene, seen = robot.pose, robot.scene, robot.observe()
    robot.begin(6)
    assert not np.array_equal(robot.pose, pose)
    robot.begin(5)
    np.testing.assert_array_equal(robot.pose, pose)
    np.testing.assert_array_equal(robot.scene.poses, scene.poses)
    np.testing.assert_array_equal(robot.observe().image, seen.image)


def test_another_seed_is_another_scene(robot: SimRobot) -> None:
    robot.begin(5)
    other = SimRobot(seed=4)
    other.begin(5)
    assert not np.array_equal(robot.scene.poses, other.scene.poses)
    other.close()


def test_moves_end_at_the_floor_of_the_free_space(robot: Robot) -> None:
    robot.begin(0)
    before = robot.pose
    robot.move(np.array([0.01, -0.01, -1.0, 0.1]))
    np.testing.assert_allclose(relative_action(before, robot.pose)[[0, 1, 3]], [0.01, -0.01, 0.1])
    assert robot.pose[2] == WORKSPACE.z_low


def test_moves_out_of_the_workspace_are_infeasible(robot: Robot) -> None:
    robot.begin(0)
    centre = np.array([*TRAY.centre, 0.1, 0.0])
    to_centre = relative_action(robot.pose, centre)
    out = to_centre + [WORKSPACE.half_width + 0.001, 0, 0, 0]
    np.testing.assert_array_equal(robot.feasible(np.stack([to_centre, out])), [True, False])


def test_going_to_the_oracle_grasp_succeeds(robot: SimRobot) -> None:
    for index in range(5):
        robot.begin(index)
        target = next(g for g in oracle_grasps(robot.scene) if robot.feasible(relative_action(robot.pose, g)[None])[0])
        robot.move(relative_action(robot.pose, target))
        final_pose, success, failure, _ = robot.grasp()
        np.testing.assert_allclose(final_pose, [*target[:2], JAW.grasp_height, target[3]], atol=1e-9)
        assert success and failure == ""


def test_what_the_camera_sees(robot: SimRobot) -> None:
    robot.begin(0)
    image, initial_image = robot.observe()
    assert image.shape == initial_image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    assert (image != initial_image).any(axis=-1).mean() > 0.02
