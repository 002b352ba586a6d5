"""A trial becomes one training example per step (Section V)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import simplejpeg

from grasp_datasets import schema
from grasp_tfp.actions import encode_action
from grasp_tfp.errors import GraspError
from grasp_tfp.trial import Trial

__all__ = ["ImageSource", "TrialImages", "UnusableTrial", "steps_of_trial"]

ImageSource = Callable[[Trial], tuple[bytes, Sequence[bytes]]]
"""Gives a trial's initial image and the image of each of its steps, as JPEG."""


class UnusableTrial(GraspError):
    """A trial that no example can be made of; the message is the reason, without the trial's name."""


class TrialImages:
    """The images of trials: those of the log as they are, else rendered from the logged scene.

    Args:
        size: Height and width of rendered images [pixels].
        quality: JPEG quality of rendered images.
    """

    def __init__(self, size: int, quality: int = 95) -> None:
        from grasp_tfp.sim.renderer import Renderer

        self._renderer = Renderer(size)
        self._quality = quality

    def __call__(self, trial: Trial) -> tuple[bytes, Sequence[bytes]]:
        """The trial's initial image and the image of each step.

        Raises:
            UnusableTrial: There are none, and none can be rendered.
        """
        if trial.images and trial.initial_image is not None:
            return trial.initial_image, trial.images
        if trial.scene is None:
            raise UnusableTrial("images are missing and there is no scene to render them from")
        try:
            images = [self._renderer.image(trial.scene, pose) for pose in trial.gripper_poses]
        except GraspError as error:
            raise UnusableTrial("a gripper pose cannot be drawn") from error
        return self._jpeg(self._renderer.initial_image(trial.scene)), [self._jpeg(image) for image in images]

    def _jpeg(self, image: Any) -> bytes:
        jpeg: bytes = simplejpeg.encode_jpeg(image, self._quality, colorsubsampling="444")
        return jpeg


def steps_of_trial(trial: Trial, images_of: ImageSource) -> Iterator[dict[str, Any]]:
    """Yields one example per step, labelled with the action from its pose to the final one.

    Raises:
        UnusableTrial: The trial has no step, a pose is not finite, or there are no images.
    """
    if trial.num_steps == 0:
        raise UnusableTrial("it has no steps")
    if not (np.isfinite(trial.gripper_poses).all() and np.isfinite(trial.final_pose).all()):
        raise UnusableTrial("a pose is not finite")
    initial_image, images = images_of(trial)
    actions = encode_action(trial.actions)
    for step, (image, pose, action) in enumerate(zip(images, trial.gripper_poses, actions, strict=True)):
        yield {
            schema.IMAGE: image,
            schema.INITIAL_IMAGE: initial_image,
            schema.GRIPPER_POSE: pose.astype(np.float32),
            schema.ACTION: action.astype(np.float32),
            schema.SUCCESS: trial.success,
            schema.TRIAL_ID: trial.trial_id,
            schema.STEP: step,
            schema.NUM_STEPS: trial.num_steps,
            schema.TASK: trial.task,
        }
