"""One recorded grasp trial: what was seen, where the gripper was, where it closed, and whether it held."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action

__all__ = ["Scene", "Trial", "trial_name"]


@dataclasses.dataclass(frozen=True)
class Scene:
    """The objects of a simulated cell, at rest before the arm comes in."""

    objects: tuple[str, ...]
    """Name of each object's shape, as in `grasp_tfp.sim.objects.OBJECTS`."""

    poses: NDArray[np.float64]
    """Position [m] and quaternion (x, y, z, w) of each object in the base frame, (n, 7)."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """A multi-step grasp trial (Section V): free moves, then a scripted grasp at the final pose."""

    trial_id: str
    """Unique name, see `trial_name`."""

    task: str
    """Name of the task, such as `blocks`."""

    seed: int
    """Seed of the collection that the trial belongs to."""

    index: int
    """Number of the trial within its collection."""

    policy: str
    """Name of the policy that chose the actions."""

    policy_digest: str
    """SHA-256 of the policy's weights, empty for a policy without any."""

    gripper_poses: NDArray[np.float64]
    """Gripper pose at each step, when its image was taken, (n, 4)."""

    final_pose: NDArray[np.float64]
    """Gripper pose at which the fingers closed, (4,)."""

    success: bool
    """Whether an object was held."""

    label_source: str
    """How success was found, such as `lift-height`."""

    stop_reason: str
    """Why the moves ended: `num-actions`, `converged`, `max-actions` or `infeasible`."""

    scene: Scene | None = None
    """The simulated objects; None for a real cell."""

    initial_image: bytes | None = None
    """JPEG taken before the arm came in; None when it can be rendered from `scene`."""

    images: tuple[bytes, ...] = ()
    """JPEG of each step; empty when they can be rendered from `scene` and `gripper_poses`."""

    @property
    def num_steps(self) -> int:
        """How many actions the trial took, the last of them the one that led to the grasp."""
        return len(self.gripper_poses)

    @property
    def actions(self) -> NDArray[np.float64]:
        """The label of each step: final grasp pose minus gripper pose (Section V), (n, 4)."""
        return relative_action(self.gripper_poses, self.final_pose)


def trial_name(task: str, seed: int, index: int) -> str:
    """The id of a simulated trial, the same for the same task, seed and index wherever it runs."""
    return f"{task}-{seed}-{index:09d}"
