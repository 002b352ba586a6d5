"""Scenes, random poses and oracle grasps."""

import numpy as np
import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.sim.footprint import box_footprint, finger_footprints, gap
from grasp_tfp.sim.geometry import BLOCK, JAW, TRAY, WORKSPACE
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.objects import footprint, rotation
from grasp_tfp.sim.tasks import describe_cell_of, find_task, oracle_grasps, random_pose


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


@pytest.mark.parametrize("task", ["bottles", "bottles-heldout", "bottles-5"])
def test_an_oracle_grasp_comes_down_beside_everything_where_it_can(task: str) -> None:
    scenes = [find_task(task).scene(np.random.default_rng([4, seed])) for seed in range(40)]
    room = []
    for scene in scenes:
        footprints = [footprint(name, pose) for name, pose in zip(scene.objects, scene.poses, strict=True)]
        for grasp, pose in zip(oracle_grasps(scene), scene.poses, strict=True):
            fingers = finger_footprints(grasp, JAW.opening, JAW.finger)
            room.append(min(gap(finger, thing) for finger in fingers for thing in footprints))
            assert np.linalg.norm(grasp[:2] - pose[:2]) < 0.021
            axis = rotation(pose)[:, 2]
            if abs(axis[2]) < 0.5:
                assert abs(np.cos(grasp[3]) * axis[0] + np.sin(grasp[3]) * axis[1]) < 1e-9
    assert np.mean(np.array(room) > 0) > 0.95


@pytest.mark.parametrize(
    ("tasks", "half_width"), [([], 0.08), (["blocks", "real"], 0.08), (["bottles", "blocks"], 0.13)]
)
def test_the_cell_of_several_tasks_has_the_widest_workspace(tasks: list[str], half_width: float) -> None:
    assert describe_cell_of(tasks)["workspace"]["half_width"] == half_width


def test_random_poses_of_the_wider_workspace_are_within_reach() -> None:
    rng, workspace = np.random.default_rng(0), find_task("bottles").workspace
    poses = np.array([random_pose(rng, workspace) for _ in range(2000)])
    assert 0.95 * workspace.half_width < np.abs(poses[:, :2] - TRAY.centre).max() <= workspace.half_width
    assert feasible(poses).all()


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Unknown task 'block'.*'blocks'"):
        find_task("block")
