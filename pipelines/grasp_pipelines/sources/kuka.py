"""Open X-Embodiment `kuka`: the robots of QT-Opt, 580,392 recorded grasp episodes.

The gripper's pose at each step and at the step that closes the fingers give the relative action (Section V).
What the dataset lacks or does not document is written into the metadata.
"""

import numpy as np
from numpy.typing import NDArray

from grasp_pipelines.sources.rlds import Episode, EpisodeDataset
from grasp_pipelines.steps import UnusableTrial
from grasp_tfp.actions import wrap_yaw
from grasp_tfp.trial import Trial

__all__ = ["Kuka"]

POSE = "steps/observation/clip_function_input/base_pose_tool_reached"
"""Tool pose in the base frame: position [m] and quaternion, (7,)."""

CLOSE = "steps/action/gripper_closedness_action"
"""The command to the gripper, which closes above `CLOSED`, (1,)."""

CLOSED = 0.5
SUCCESS = "success"


class Kuka(EpisodeDataset):
    """The steps before the gripper is told to close; an episode in which it never closes is left out."""

    name = "kuka"
    image = "steps/observation/image"
    features = (SUCCESS, POSE, CLOSE)

    def trial(self, episode: Episode) -> Trial:
        """The trial up to the grasp; at the grasp step itself there is no move left to learn.

        Raises:
            UnusableTrial: The gripper never closes, or closes at once.
        """
        closing = np.flatnonzero(episode[CLOSE][:, 0] > CLOSED)
        if not closing.size:
            raise UnusableTrial("the gripper never closes")
        if not (grasp := int(closing[0])):
            raise UnusableTrial("the gripper closes at the first step")
        poses, images = _gripper_poses(episode[POSE]), episode.images(self.image)
        return Trial(
            trial_id=episode.name,
            task=self.name,
            seed=0,
            index=episode.index,
            policy="recorded",
            policy_digest="",
            gripper_poses=poses[:grasp],
            final_pose=poses[grasp],
            success=bool(episode[SUCCESS]),
            label_source="dataset",
            stop_reason="gripper-closed",
            initial_image=images[0],
            images=images[:grasp],
        )

    def describe(self) -> dict[str, str]:
        """What was derived, and what had to be assumed."""
        return {
            "name": self.name,
            "initial_image": "first frame of the episode, which may show the arm: there is none before it came in",
            "action": f"{POSE} at the first step with {CLOSE} > {CLOSED}, minus that of each step before it",
            "assumed": "quaternions are x, y, z, w; yaw is the heading of the tool's x axis in the base frame",
        }


def _gripper_poses(poses: NDArray[np.float32]) -> NDArray[np.float64]:
    """Tool poses (n, 7) as x, y, z [m] and yaw [rad], (n, 4)."""
    x, y, z, w = poses[:, 3:].astype(np.float64).T
    yaw = np.arctan2(2 * (x * y + z * w), w * w + x * x - y * y - z * z)
    return np.column_stack([poses[:, :3], wrap_yaw(yaw)])
