"""The replay buffer of Section VI-C: grasps as states, whose images are rendered as batches are drawn."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.errors import GraspError
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.rigid_motion import carried
from grasp_tfp.sim.tasks import find_task, random_pose
from grasp_tfp.success import SuccessRate
from grasp_tfp.trial import Scene, Trial

__all__ = ["Batch", "ReplayBuffer", "endless_batches"]

Floats = NDArray[np.float64]


class _Grasp(NamedTuple):
    scene: Scene
    final_pose: Floats


class Batch(NamedTuple):
    """Examples drawn from a buffer."""

    observation: dict[str, NDArray[np.uint8] | NDArray[np.float32]]
    """`image` and `initial_image`, uint8 (B, S, S, 3), and `gripper_pose`, float32 (B, 4)."""

    action: NDArray[np.float32]
    """From the gripper pose to the grasp, (B, 4) [m, rad]."""

    success: NDArray[np.float32]
    """Whether the grasp held, (B,)."""


class ReplayBuffer:
    """Grasps to learn from: a scene, where the fingers closed there, and whether they held.

    A label depends on nothing else, so each time that a grasp is drawn it is carried elsewhere in the tray and seen
    from a new gripper pose.

    Args:
        task: What lies in the tray; it decides where the gripper may be.
        image_size: Height and width of the images, S [pixels].
        failures: Whether failures are kept too, for a critic.
    """

    def __init__(self, task: str, image_size: int, *, failures: bool = False) -> None:
        self._workspace = find_task(task).workspace
        self.image_size = image_size
        self._renderer = Renderer(image_size)
        self.keeps_failures = failures
        self._held: list[_Grasp] = []
        self._failed: list[_Grasp] = []
        self.rate = SuccessRate(0, 0)
        """Of all trials that were added."""

    @property
    def ready(self) -> bool:
        """Whether batches can be drawn."""
        return bool(self._held) and (bool(self._failed) or not self.keeps_failures)

    def add(self, trials: Iterable[Trial]) -> None:
        """Takes trials in; those that never came to a grasp, or whose scene is not known, teach nothing."""
        for trial in trials:
            self.rate = SuccessRate(self.rate.successes + trial.success, self.rate.trials + 1)
            if trial.scene is None or trial.stop_reason == "infeasible":
                continue
            if trial.success:
                self._held.append(_Grasp(trial.scene, trial.final_pose))
            elif self.keeps_failures:
                self._failed.append(_Grasp(trial.scene, trial.final_pose))

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        """Examples, each grasp with the same chance; with failures in the buffer, half of them are failures.

        Raises:
            GraspError: There is nothing to draw from yet.
        """
        if not self.ready:
            raise GraspError(f"Nothing to learn from yet: {self.rate} of the trials held. Collect more trials.")
        success = np.arange(size) % 2 == 0 if self.keeps_failures else np.ones(size, bool)
        picked = [_pick(self._held if held else self._failed, rng) for held in success]
        grasps = [_Grasp(*carried(grasp.scene, grasp.final_pose, self._workspace, rng)) for grasp in picked]
        poses = np.array([self._view(rng) for _ in grasps])
        pairs = [
            (self._renderer.image(grasp.scene, pose), self._renderer.initial_image(grasp.scene))
            for grasp, pose in zip(grasps, poses, strict=True)
        ]
        image, initial_image = (np.stack(images) for images in zip(*pairs, strict=True))
        action = relative_action(poses, np.array([grasp.final_pose for grasp in grasps]))
        observation = {"image": image, "initial_image": initial_image, "gripper_pose": poses.astype(np.float32)}
        return Batch(observation, action.astype(np.float32), success.astype(np.float32))

    @property
    def odds(self) -> float:
        """Successes for each failure in the buffer."""
        return len(self._held) / max(len(self._failed), 1)

    def _view(self, rng: np.random.Generator) -> Floats:
        """A gripper pose (4,) to look at a grasp from: anywhere, as one near the grasp would give it away."""
        while not feasible(pose := random_pose(rng, self._workspace)):
            pass
        return pose


def endless_batches(
    buffer: ReplayBuffer, size: int, seed: tuple[int, int], refresh: Callable[[], None]
) -> tf.data.Dataset:
    """Batches for Keras `fit`, rendered in the background while the network learns.

    Args:
        buffer: What to draw from.
        size: Examples in a batch, B.
        seed: Start of the random choices: that of the run, and the step at which the batches begin.
        refresh: Called before every batch; adds to the buffer what is new.

    Returns:
        Observation and action for an actor; for a critic, the observation with the action in it, and the success.
    """
    rng = np.random.default_rng(seed)
    judged = buffer.keeps_failures

    def draw() -> Iterator[tuple[dict[str, NDArray[np.uint8] | NDArray[np.float32]], NDArray[np.float32]]]:
        while True:
            refresh()
            observation, action, success = buffer.draw(size, rng)
            yield (observation | {"action": action}, success) if judged else (observation, action)

    pixels = tf.TensorSpec([size, buffer.image_size, buffer.image_size, 3], tf.uint8)
    numbers = tf.TensorSpec([size, 4], tf.float32)
    observation = {"image": pixels, "initial_image": pixels, "gripper_pose": numbers}
    signature = (
        (observation | {"action": numbers}, tf.TensorSpec([size], tf.float32)) if judged else (observation, numbers)
    )
    return tf.data.Dataset.from_generator(draw, output_signature=signature).prefetch(2)


def _pick(grasps: list[_Grasp], rng: np.random.Generator) -> _Grasp:
    return grasps[int(rng.integers(len(grasps)))]
