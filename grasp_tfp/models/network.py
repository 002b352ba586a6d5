"""What actor and critic have in common: the image network, whitened actions, and the robot's own pose."""

import math
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import Config
from grasp_tfp.errors import UsageError
from grasp_tfp.models.augmentation import augmented
from grasp_tfp.models.transformed import wrap
from grasp_tfp.models.vision import VisionNetwork

__all__ = ["GraspNetwork", "Tensors"]

Tensors = dict[str, tf.Tensor]

POSE_SIZE = 4
"""A gripper pose is (x, y, z) [m] and yaw [rad]."""


class GraspNetwork(keras.Model):
    """A model that sees what the robot sees, and knows how actions and gripper poses are spread.

    An action is (dx, dy, dz) [m] and dyaw [rad], relative to the gripper (A = 4), or has a rotation vector [rad] in
    place of dyaw (A = 6), as `config.action` says.
    """

    criterion: str
    """Name of the metric that validation judges; lower is better."""

    roles: tuple[str, ...]
    """What its bundle can be: `actor`, `critic`, or both."""

    def __init__(self, config: Config, vision: VisionNetwork | None = None, **kwargs: Any) -> None:
        """Declare what is shared.

        Args:
            config: Sizes of the network, and the terms of its loss.
            vision: The image network of another model, to share it.
            **kwargs: Passed to `keras.Model`.

        Raises:
            UsageError: The label noise does not fit the action.
        """
        super().__init__(**kwargs)
        size = config.action.size
        if len(config.train.label_noise) != size:
            raise UsageError(f"train.label_noise needs as many numbers as an action has: expected {size}, "
                             f"received {config.train.label_noise}.")  # fmt: skip
        self.config, self.action_size = config, size
        self.periods = (0.0, 0.0, 0.0, config.action.yaw_period or math.pi) if size == 4 else (0.0,) * size
        self.vision = VisionNetwork(config.vision, name="vision") if vision is None else vision

    def build(self, input_shape: dict[str, tuple[int | None, ...]]) -> None:
        """Create the statistics that whiten actions and poses."""
        self.action_mean = self._statistic("action_mean", self.action_size, "zeros")
        self.action_std = self._statistic("action_std", self.action_size, "ones")
        self.pose_mean = self._statistic("pose_mean", POSE_SIZE, "zeros")
        self.pose_std = self._statistic("pose_std", POSE_SIZE, "ones")

    def _statistic(self, name: str, size: int, initializer: str) -> Any:
        return self.add_weight(name=name, shape=(size,), initializer=initializer, trainable=False)

    def adapt(self, observation: Tensors, action: Any) -> None:
        """Take means and spreads from a sample of the training data.

        Args:
            observation: As for `fit`, `gripper_pose` included.
            action: What was done, (B, A).
        """
        means = [tf.reduce_mean(tf.cast(observation[key], tf.float32), 0) for key in ("image", "initial_image")]
        self.vision.set_mean_images(*means)
        self.set_action_statistics(*_mean_and_std(action))
        self.set_pose_statistics(*_mean_and_std(observation["gripper_pose"]))

    def set_action_statistics(self, mean: Any, std: Any) -> None:
        """Set the mean and the standard deviation (A,) of the training actions, [m] and [rad]."""
        self.action_mean.assign(mean)
        self.action_std.assign(std)

    def set_pose_statistics(self, mean: Any, std: Any) -> None:
        """Set the mean and the standard deviation (4,) of the gripper poses, [m] and [rad]."""
        self.pose_mean.assign(mean)
        self.pose_std.assign(std)

    def pose_error(self, observation: Tensors, predicted: tf.Tensor) -> tf.Tensor:
        """The auxiliary loss of reading the gripper's own pose (B, 5) off the image, 0 if `train.pose_loss` is."""
        weight = self.config.train.pose_loss
        if weight == 0:
            return tf.constant(0.0)
        return weight * tf.reduce_mean(tf.square(predicted - self._pose_target(observation["gripper_pose"])))

    def with_label_noise(self, action: tf.Tensor) -> tf.Tensor:
        """The actions (B, A) of a training step, blurred by `train.label_noise`."""
        seed = tf.stack([self.config.train.seed, tf.cast(self.optimizer.iterations, tf.int32)])
        noise = tf.random.stateless_normal(tf.shape(action), seed)
        return wrap(action + noise * tf.constant(self.config.train.label_noise), self.periods)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step, on images that `train.photometric` and `train.random_shift` change; the step decides how."""
        settings = self.config.train
        if settings.photometric or settings.random_shift:
            inputs, *rest = data
            seed = tf.stack([settings.seed, tf.cast(self.optimizer.iterations, tf.int32)])
            image, initial_image = augmented(
                inputs["image"],
                inputs["initial_image"],
                photometric=settings.photometric,
                shift=settings.random_shift,
                seed=seed,
            )
            data = (inputs | {"image": image, "initial_image": initial_image}, *rest)
        metrics: dict[str, tf.Tensor] = super().train_step(data)
        return metrics

    def _pose_target(self, pose: tf.Tensor) -> tf.Tensor:
        """Whitened position and the direction of the jaw, which repeats as that of a grasp, (B, 5)."""
        position = ((pose - self.pose_mean) / self.pose_std)[:, :3]
        turn = 2 * math.pi / (self.config.action.yaw_period or math.pi) * pose[:, 3:]
        return tf.concat([position, tf.sin(turn), tf.cos(turn)], axis=-1)

    def describe(self) -> dict[str, Any]:
        """What a bundle's manifest says about the model, in JSON values."""
        return {
            "roles": list(self.roles),
            "config": self.config.to_dict(),
            "image_size": self.config.vision.image_size,
            "action_mean": self.action_mean.numpy().tolist(),
            "action_std": self.action_std.numpy().tolist(),
        }

    def image_spec(self) -> tf.TensorSpec:
        """Raw camera images, uint8 (B, S, S, 3)."""
        size = self.config.vision.image_size
        return tf.TensorSpec([None, size, size, 3], tf.uint8)


def _mean_and_std(values: Any) -> tuple[tf.Tensor, tf.Tensor]:
    values = tf.cast(values, tf.float32)
    return tf.reduce_mean(values, axis=0), tf.maximum(tf.math.reduce_std(values, axis=0), 1e-3)
