"""What lies in the tray after a grasp, and after the drop."""

import numpy as np
import pytest

from grasp_tfp.sim.dropping import grasp_and_drop, tray_corners
from grasp_tfp.sim.geometry import TRAY
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.tasks import find_task, oracle_grasps


@pytest.mark.parametrize("task", ["blocks", "bottles-5"])
def test_what_was_held_is_gone_and_then_back_in_the_tray(task: str) -> None:
    with GraspWorld() as world:
        for index in range(4):
            scene = find_task(task).scene(np.random.default_rng([1, index]))
            done = grasp_and_drop(world, scene, oracle_grasps(scene)[0], np.random.default_rng(index))
            missed = grasp_and_drop(world, scene, np.array([0.9, 0.0, 0.0, 0.0]), np.random.default_rng(index))
            assert not missed.success and len(missed.after_grasp.objects) == len(scene.objects)
            np.testing.assert_array_equal(missed.after_grasp.poses, missed.after_drop.poses)
            if done.success:
                assert len(done.after_grasp.objects) == len(scene.objects) - 1
                assert sorted(done.after_drop.objects) == sorted(scene.objects)
                assert np.abs(done.after_drop.poses[:, :2] - TRAY.centre).max() < TRAY.inner_half
                assert done.after_drop.poses[-1, 2] < 0.12


def test_the_trays_corners_lie_in_the_image() -> None:
    corners = tray_corners(100)
    assert corners.shape == (4, 2) and (corners > 0).all() and (corners < 100).all()
