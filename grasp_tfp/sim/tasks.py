"""What lies in the tray, and where a grasp of it should go."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import wrap_yaw
from grasp_tfp.errors import unknown_name
from grasp_tfp.sim.footprint import gap, rectangle
from grasp_tfp.sim.geometry import BLOCK, JAW, TRAY, WORKSPACE
from grasp_tfp.trial import Scene

__all__ = ["TASKS", "Task", "find_task", "oracle_grasps", "random_pose"]

Floats = NDArray[np.float64]

SPAWN = 0.08
"""Blocks' centres lie within this distance of the tray's centre, along each axis [m]."""

GAP = 0.03
"""Smallest distance between two blocks, and from a block to a wall [m]."""


GROWN_HALF = (BLOCK.half_extents[0] + GAP / 2, BLOCK.half_extents[1] + GAP / 2)


@dataclasses.dataclass(frozen=True)
class Task:
    """A distribution of scenes."""

    name: str
    scene: Callable[[np.random.Generator], Scene]
    """Draws a scene at rest."""


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]


def random_pose(rng: np.random.Generator) -> Floats:
    """A gripper pose (4,) drawn uniformly from the free space of the workspace."""
    x, y = TRAY.centre
    half = WORKSPACE.half_width
    low = [x - half, y - half, WORKSPACE.z_low, -np.pi / 2]
    high = [x + half, y + half, WORKSPACE.z_high, np.pi / 2]
    return rng.uniform(low, high)


def oracle_grasps(scene: Scene) -> Floats:
    """The grasp that a person would choose for each object: its centre, the jaw across, (n, 4)."""
    yaw = 2.0 * np.arctan2(scene.poses[:, 5], scene.poses[:, 6]) + np.pi / 2
    height = np.full(len(scene.poses), JAW.grasp_height)
    return np.column_stack([scene.poses[:, :2], height, wrap_yaw(yaw)])


def _two_blocks(rng: np.random.Generator) -> Scene:
    """Two identical blocks lying flat, apart from each other and from the walls (Section VI-B)."""
    while True:
        offsets, yaws = rng.uniform(-SPAWN, SPAWN, (2, 2)), rng.uniform(-np.pi, np.pi, 2)
        if math.dist(offsets[0], offsets[1]) < 2 * min(GROWN_HALF):
            continue
        inside = all(_inside(x, y, yaw) for (x, y), yaw in zip(offsets.tolist(), yaws.tolist(), strict=True))
        if inside and gap(*map(_grown_block, offsets, yaws)) > 0:
            break
    poses = [
        [*(offset + TRAY.centre), BLOCK.half_extents[2], 0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]
        for offset, yaw in zip(offsets, yaws, strict=True)
    ]
    return Scene(("block", "block"), np.array(poses))


def _inside(x: float, y: float, yaw: float) -> bool:
    """Whether a grown block stays within the tray's walls."""
    cos, sin = abs(math.cos(yaw)), abs(math.sin(yaw))
    length, width = GROWN_HALF
    return max(abs(x) + length * cos + width * sin, abs(y) + length * sin + width * cos) < TRAY.inner_half


def _grown_block(offset: Floats, yaw: float) -> Floats:
    return rectangle(offset, GROWN_HALF, yaw)


TASKS = {"blocks": Task("blocks", _two_blocks)}
