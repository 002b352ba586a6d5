"""What lies in the tray, and where a grasp of it should go."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import wrap_yaw
from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.extensions import installed
from grasp_tfp.sim.footprint import finger_footprints, gap, rectangle
from grasp_tfp.sim.geometry import BLOCK, JAW, TRAY, WORKSPACE, Workspace, describe_cell
from grasp_tfp.sim.objects import BOTTLES, HELDOUT_BOTTLES, LATHES, footprint, rotation
from grasp_tfp.sim.scenes import scatter
from grasp_tfp.trial import Scene

__all__ = [
    "BOTTLE_WORKSPACE",
    "TASKS",
    "Task",
    "describe_cell_of",
    "find_task",
    "oracle_grasps",
    "possible_grasps",
    "random_pose",
    "task_names",
]

Floats = NDArray[np.float64]

GROUP = "graspctl.tasks"
"""Entry points under which installed packages offer tasks of their own, each a `Task`."""

SPAWN = 0.08
"""Blocks' centres lie within this distance of the tray's centre, along each axis [m]."""

GAP = 0.03
"""Smallest distance between two blocks, and from a block to a wall [m]."""

GROWN_HALF = (BLOCK.half_extents[0] + GAP / 2, BLOCK.half_extents[1] + GAP / 2)


BOTTLE_WORKSPACE = Workspace(half_width=0.13)
"""Wide enough for a finger to come down on a wall, as on the paper's robots, and for the paper's random success."""

BOTTLE_SPAWN = 0.13
"""`SPAWN` of bottles, cans and cups [m]."""

CROWDED_GAP = 0.012
"""Smallest distance between five or six objects [m]."""

ENOUGH = 0.004
"""Room beside an open finger that no grasp needs more than [m]."""

TURNS = 12
"""How many yaws are tried for an object that stands."""

SHIFTS = (0.0, 0.01, -0.01, 0.02, -0.02)
"""Places along an object that lies, from its centre [m]."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A distribution of scenes."""

    name: str
    scene: Callable[[np.random.Generator], Scene]
    """Draws a scene at rest."""

    workspace: Workspace = WORKSPACE
    """Where the gripper may go."""


def find_task(name: str) -> Task:
    """The task of that name, of this package or of an installed one.

    Raises:
        UsageError: There is none, or it cannot be loaded.
    """
    if name in TASKS:
        return TASKS[name]
    task = installed(GROUP, name)
    if task is None:
        raise unknown_name("task", name, task_names())
    if not isinstance(task, Task):
        raise UsageError(f"Cannot use the task {name!r}: expected a Task, received {task!r}. Mend its package.")
    return task


def task_names() -> list[str]:
    """The tasks that come with the package, then those of installed packages."""
    return [*TASKS, *sorted(point.name for point in entry_points(group=GROUP) if point.name not in TASKS)]


def describe_cell_of(tasks: Iterable[str]) -> dict[str, Any]:
    """The cell with the widest workspace of some tasks; that of a task unknown here counts as the blocks'."""
    names = task_names()
    known = [find_task(name).workspace for name in tasks if name in names]
    return describe_cell(max(known, key=lambda workspace: workspace.half_width, default=WORKSPACE))


def random_pose(rng: np.random.Generator, workspace: Workspace = WORKSPACE) -> Floats:
    """A gripper pose (4,) drawn uniformly from the free space of a workspace."""
    x, y = TRAY.centre
    half = workspace.half_width
    low = [x - half, y - half, workspace.z_low, -np.pi / 2]
    high = [x + half, y + half, workspace.z_high, np.pi / 2]
    return rng.uniform(low, high)


def oracle_grasps(scene: Scene) -> Floats:
    """The grasp that a person would choose for each object: its centre, the jaw across, (n, 4).

    Where an open finger would come down on another object or a wall, the grasp moves along an object that lies, or
    turns about one that stands, to where there is most room.
    """
    footprints = [footprint(name, pose) for name, pose in zip(scene.objects, scene.poses, strict=True)]
    grasps = []
    for number, (name, pose) in enumerate(zip(scene.objects, scene.poses, strict=True)):
        others = footprints[:number] + footprints[number + 1 :]
        grasps.append(max(possible_grasps(name, pose), key=functools.partial(_room, others)))
    return np.array(grasps)


def possible_grasps(name: str, pose: Floats) -> Floats:
    """Grasps of one object in the order that a person would try them, (n, 4)."""
    yaw = 2.0 * np.arctan2(pose[5], pose[6]) + np.pi / 2
    x, y, upwards = rotation(pose)[:, 2]
    if name not in LATHES:
        return np.array([[*pose[:2], JAW.grasp_height, wrap_yaw(yaw)]])
    if upwards > np.cos(np.pi / 4):
        return np.array([[*pose[:2], JAW.grasp_height, wrap_yaw(yaw + np.pi * k / TURNS)] for k in range(TURNS)])
    yaw = wrap_yaw(np.arctan2(y, x) + np.pi / 2)
    return np.array([[*(pose[:2] + shift * np.array([x, y])), JAW.grasp_height, yaw] for shift in SHIFTS])


def _room(others: list[Floats], grasp: Floats) -> float:
    """Distance of the open fingers from the nearest other object or wall, at most `ENOUGH` [m]."""
    fingers = finger_footprints(grasp, JAW.opening, JAW.finger)
    return min(
        ENOUGH, TRAY.room(np.concatenate(fingers)), *(gap(finger, other) for finger in fingers for other in others)
    )


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


def _bottles(name: str, objects: tuple[str, ...], count: tuple[int, int], apart: float = GAP) -> Task:
    return Task(name, functools.partial(scatter, objects, count, BOTTLE_SPAWN, apart), BOTTLE_WORKSPACE)


TASKS = {
    task.name: task
    for task in (
        Task("blocks", _two_blocks),
        _bottles("bottles", BOTTLES, (2, 2)),
        _bottles("bottles-heldout", HELDOUT_BOTTLES, (2, 2)),
        _bottles("bottles-5", BOTTLES, (5, 6), CROWDED_GAP),
        _bottles("bottles-5-heldout", HELDOUT_BOTTLES, (5, 6), CROWDED_GAP),
    )
}
