"""The arm in closed form, against PyBullet's own kinematics of the same URDF."""

from pathlib import Path

import numpy as np
import pybullet
import pybullet_data
import pytest

from grasp_tfp.sim.geometry import TRAY, WORKSPACE
from grasp_tfp.sim.kinematics import (
    FLANGE,
    FLANGE_TO_FINGERTIP,
    JOINT_LIMITS,
    feasible,
    joint_angles,
    link_poses,
)
from grasp_tfp.sim.tasks import random_pose

POSES = np.array([random_pose(np.random.default_rng(seed)) for seed in range(500)])


def test_the_fingertips_reach_the_pose_pointing_down() -> None:
    hand = link_poses(joint_angles(POSES))[:, 7]
    fingertips = hand[:, :3, 3] + (FLANGE + FLANGE_TO_FINGERTIP) * hand[:, :3, 2]
    np.testing.assert_allclose(fingertips, POSES[:, :3], atol=1e-6)
    np.testing.assert_allclose(hand[:, :3, 2], np.broadcast_to([0, 0, -1], (500, 3)), atol=1e-6)


def test_the_jaw_opens_along_its_yaw() -> None:
    hand = link_poses(joint_angles(POSES))[:, 7]
    across = np.stack([np.cos(POSES[:, 3]), np.sin(POSES[:, 3]), np.zeros(500)], axis=-1)
    np.testing.assert_allclose(np.abs(np.sum(hand[:, :3, 0] * across, axis=-1)), 1, atol=1e-6)


def test_angles_stay_within_the_limits() -> None:
    assert np.all(np.abs(joint_angles(POSES)) <= JOINT_LIMITS)


def test_link_poses_are_those_of_the_urdf() -> None:
    client = pybullet.connect(pybullet.DIRECT)
    urdf = Path(pybullet_data.getDataPath()) / "kuka_iiwa" / "model.urdf"
    arm = pybullet.loadURDF(str(urdf), useFixedBase=True, physicsClientId=client)
    for pose in POSES[:20]:
        angles = joint_angles(pose)
        for joint, angle in enumerate(angles):
            pybullet.resetJointState(arm, joint, angle, physicsClientId=client)
        expected = [
            pybullet.getLinkState(arm, joint, computeForwardKinematics=1, physicsClientId=client)[4]
            for joint in range(7)
        ]
        np.testing.assert_allclose(link_poses(angles)[1:, :3, 3], expected, atol=1e-6)
    pybullet.disconnect(client)


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        ((*TRAY.centre, WORKSPACE.z_low, 0.0), True),
        ((1.2, 0.0, 0.1, 0.0), False),
        ((0.0, 0.0, 0.1, 0.0), False),
        ((0.55, 0.0, 2.0, 0.0), False),
    ],
)
def test_what_is_within_reach(pose: tuple[float, ...], expected: bool) -> None:
    assert bool(feasible(pose)) is expected


def test_out_of_reach_is_nan_and_shapes_broadcast() -> None:
    angles = joint_angles(np.array([[[0.55, 0, 0.1, 0]], [[5, 0, 0.1, 0]]]))
    assert angles.shape == (2, 1, 7)
    assert np.isfinite(angles[0]).all() and np.isnan(angles[1]).all()
