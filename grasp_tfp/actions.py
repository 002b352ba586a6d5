"""Gripper poses and the relative actions between them (Section V).

A gripper pose is `(x, y, z, yaw)` of the fingertips in the robot base frame: metres, radians, z up.
The parallel jaw looks the same after half a turn, so yaw is kept in [-π/2, π/2). An action is the
pose that is wanted minus the pose that is: `(dx, dy, dz, dyaw)`, or with the turn as sine and cosine,
`(dx, dy, dz, sin dyaw, cos dyaw)`, the paper's encoding, in recorded data.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["apply_action", "decode_action", "encode_action", "relative_action", "wrap_yaw"]

Floats = NDArray[np.float64]


def wrap_yaw(yaw: ArrayLike) -> Floats:
    """The same jaw direction [rad] in [-π/2, π/2)."""
    angle = np.asarray(yaw, dtype=np.float64)
    wrapped = angle - np.pi * np.floor(angle / np.pi + 0.5)
    return np.where(wrapped >= np.pi / 2, -np.pi / 2, wrapped)


def relative_action(pose: ArrayLike, target: ArrayLike) -> Floats:
    """The action `(..., 4)` that leads from `pose (..., 4)` to `target (..., 4)`."""
    action = np.asarray(target, dtype=np.float64) - np.asarray(pose, dtype=np.float64)
    action[..., 3] = wrap_yaw(action[..., 3])
    return action


def apply_action(pose: ArrayLike, action: ArrayLike) -> Floats:
    """The pose `(..., 4)` that `action (..., 4)` leads to from `pose (..., 4)`."""
    target = np.asarray(pose, dtype=np.float64) + np.asarray(action, dtype=np.float64)
    target[..., 3] = wrap_yaw(target[..., 3])
    return target


def encode_action(action: ArrayLike) -> Floats:
    """`(..., 4)` with the turn as an angle to `(..., 5)` with its sine and cosine (Section V)."""
    values = np.asarray(action, dtype=np.float64)
    turn = values[..., 3]
    return np.concatenate([values[..., :3], np.stack([np.sin(turn), np.cos(turn)], axis=-1)], axis=-1)


def decode_action(encoded: ArrayLike) -> Floats:
    """`(..., 5)` with the turn as sine and cosine to `(..., 4)` with the angle in [-π/2, π/2)."""
    values = np.asarray(encoded, dtype=np.float64)
    turn = wrap_yaw(np.arctan2(values[..., 3], values[..., 4]))
    return np.concatenate([values[..., :3], turn[..., None]], axis=-1)
