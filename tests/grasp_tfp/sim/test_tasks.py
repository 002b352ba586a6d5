"""Scenes, random poses and oracle grasps."""

import numpy as np
import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.sim.footprint import box_footprint, gap
from grasp_tfp.sim.geometry import BLOCK, TRAY, WORKSPACE
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.tasks import find_task, oracle_grasps, random_pose


def test_two_blocks_lie_apart_and_inside_the_tray() -> None:
    for seed in range(200):
        scene = find_task("blocks").scene(np.random.default_rng(seed))
        first, second = (box_footprint(pose, BLOCK.half_extents) for pose in scene.poses)
        assert scene.objects == ("block", "block")
        assert gap(first, second) > 0.029
        assert np.abs(np.concatenate([first, second]) - TRAY.centre).max() < TRAY.inner_half
        np.testing.assert_allclose(scene.poses[:, 2], BLOCK.half_extents[2])


def test_random_poses_fill_the_workspace_and_the_arm_reaches_them() -> None:
    rng = np.random.default_rng(0)
    poses = np.array([random_pose(rng) for _ in range(2000)])
    assert np.abs(poses[:, :2] - TRAY.centre).max() <= WORKSPACE.half_width
    assert np.abs(poses[:, :2] - TRAY.centre).max() > 0.95 * WORKSPACE.half_width
    assert feasible(poses).all()


def test_an_oracle_grasp_is_at_the_block_and_across_it() -> None:
    scene = find_task("blocks").scene(np.random.default_rng(1))
    grasps = oracle_grasps(scene)
    np.testing.assert_array_equal(grasps[:, :2], scene.poses[:, :2])
    long_axis = 2 * np.arctan2(scene.poses[:, 5], scene.poses[:, 6])
    np.testing.assert_allclose(np.cos(grasps[:, 3] - long_axis), 0, atol=1e-9)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Unknown task 'block'.*'blocks'"):
        find_task("block")
