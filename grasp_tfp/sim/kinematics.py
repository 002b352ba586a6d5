"""The KUKA LBR iiwa in closed form, its base at the origin and its jaw pointing straight down.

With joints 3 and 5 at zero the arm moves in a vertical plane that joint 1 turns. A jaw that points down
puts the wrist's centre straight above the fingertips, so shoulder, elbow and wrist form a triangle with
known sides. PyBullet's iterative solver stops 10 mm off by default; this is exact.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grasp_tfp.actions import wrap_yaw
from grasp_tfp.sim.geometry import JAW

__all__ = ["FLANGE", "FLANGE_TO_FINGERTIP", "JOINT_LIMITS", "feasible", "joint_angles", "link_poses"]

Floats = NDArray[np.float64]

FLANGE_TO_FINGERTIP = JAW.finger[2] + JAW.palm[2]
"""How far the fingertips lie below the flange [m]."""

FLANGE = 0.045
"""Height of the flange above the origin of link 7, where its mesh ends [m]."""

JOINT_LIMITS = np.array([2.96705972839, 2.09439510239] * 3 + [3.05432619099])
"""Largest magnitude of each joint angle [rad], (7,); like the next two from `kuka_iiwa/model.urdf` of pybullet_data."""

JOINT_POSITIONS = np.array(
    [[0, 0, 0.1575], [0, 0, 0.2025], [0, 0.2045, 0], [0, 0, 0.2155], [0, 0.1845, 0], [0, 0, 0.2155], [0, 0.081, 0]]
)
"""Origin of each joint in its parent link [m], (7, 3)."""

JOINT_ROTATIONS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[-1, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[-1, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[-1, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[-1, 0, 0], [0, 0, 1], [0, 1, 0]],
    ]
)
"""Rotation of each joint's frame in its parent link; a joint turns about its own z, (7, 3, 3)."""

SHOULDER_HEIGHT = 0.36
UPPER_ARM = 0.42
FOREARM = 0.40
WRIST_TO_FINGERTIP = 0.081 + FLANGE + FLANGE_TO_FINGERTIP


def joint_angles(gripper_pose: ArrayLike) -> Floats:
    """The arm with its elbow up and its fingertips at a pose.

    Args:
        gripper_pose: `(x, y, z, yaw)` of the fingertips in the base frame, (..., 4).

    Returns:
        Angle of each joint [rad], (..., 7); NaN where the pose is out of reach or a joint beyond its limit.
        Of the jaw's two equivalent directions it takes the one with joint 7 nearer to zero.
    """
    x, y, z, yaw = np.moveaxis(np.asarray(gripper_pose, dtype=np.float64), -1, 0)
    radius, height = np.hypot(x, y), z + WRIST_TO_FINGERTIP - SHOULDER_HEIGHT
    turn = np.arctan2(y, x)
    cosine = (radius**2 + height**2 - UPPER_ARM**2 - FOREARM**2) / (2 * UPPER_ARM * FOREARM)
    bend = np.arccos(np.where(np.abs(cosine) <= 1, cosine, np.nan))
    lean = np.arctan2(radius, height) - np.arctan2(FOREARM * np.sin(bend), UPPER_ARM + FOREARM * cosine)
    zero = np.zeros_like(turn)
    angles = np.stack([turn, lean, zero, -bend, zero, np.pi - lean - bend, wrap_yaw(turn - yaw)], axis=-1)
    within = np.all(np.abs(angles) <= JOINT_LIMITS, axis=-1, keepdims=True)
    return np.where(within, angles, np.nan)


def feasible(gripper_pose: ArrayLike) -> NDArray[np.bool_]:
    """Whether the arm reaches each pose (..., 4) within its joint limits, (...)."""
    return np.isfinite(joint_angles(gripper_pose)[..., 0])


def link_poses(angles: ArrayLike) -> Floats:
    """Where the links are.

    Args:
        angles: Angle of each joint [rad], (..., 7).

    Returns:
        Pose of the base and the seven links in the base frame, as homogeneous matrices (..., 8, 4, 4).
    """
    q = np.asarray(angles, dtype=np.float64)
    cos, sin = np.cos(q)[..., None], np.sin(q)[..., None]
    poses = np.zeros((*q.shape[:-1], 8, 4, 4))
    poses[..., 0, :, :] = np.eye(4)
    poses[..., 1:, :3, 0] = cos * JOINT_ROTATIONS[..., 0] + sin * JOINT_ROTATIONS[..., 1]
    poses[..., 1:, :3, 1] = cos * JOINT_ROTATIONS[..., 1] - sin * JOINT_ROTATIONS[..., 0]
    poses[..., 1:, :3, 2] = JOINT_ROTATIONS[..., 2]
    poses[..., 1:, :3, 3] = JOINT_POSITIONS
    poses[..., 1:, 3, 3] = 1.0
    for link in range(1, 8):
        poses[..., link, :, :] = poses[..., link - 1, :, :] @ poses[..., link, :, :]
    return poses
