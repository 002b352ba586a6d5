"""The actor π(a|s): the image network joined to one of the three densities (Sections IV-B and V)."""

import math
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import Config
from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.models.gmm import GaussianMixtureHead
from grasp_tfp.models.losses import negative_log_likelihood
from grasp_tfp.models.mixture import NUM_SAMPLES, ComponentMixture
from grasp_tfp.models.mof import MixtureOfFlowsHead
from grasp_tfp.models.real_nvp import RealNVPHead
from grasp_tfp.models.transformed import Scaled, Wrapped, wrap
from grasp_tfp.models.vision import VisionNetwork

__all__ = ["DENSITIES", "Actor", "build_actor"]

Tensors = dict[str, tf.Tensor]

POSE_SIZE = 4
"""A gripper pose is (x, y, z) [m] and yaw [rad]."""

DENSITIES: dict[str, type[keras.layers.Layer]] = {
    "gmm": GaussianMixtureHead,
    "mof": MixtureOfFlowsHead,
    "real-nvp": RealNVPHead,
}


class Actor(keras.Model):
    """A conditional density over grasps.

    An action is (dx, dy, dz) [m] and dyaw [rad], relative to the gripper (A = 4), or has a rotation vector [rad] in
    place of dyaw (A = 6), as `config.action` says.

    Call arguments:
        observation: `image` and `initial_image`, each uint8, (B, S, S, 3).

    Returns:
        The parameters of the density and `gripper_pose`, the robot's own pose as read off the image, (B, 5).

    Fit it with actions (B, A) as targets and rewards as sample weights. If `train.pose_loss` is above 0, the
    observations of training and validation also hold `gripper_pose` (B, 4), which nothing else reads.
    """

    def __init__(self, config: Config, density: str, **kwargs: Any) -> None:
        """Declare the network; `build_actor` also creates its weights.

        Args:
            config: Sizes of the network, and the terms of its loss.
            density: Name of one of `DENSITIES`.
            **kwargs: Passed to `keras.Model`.
        """
        super().__init__(**kwargs)
        if density not in DENSITIES:
            raise unknown_name("density", density, DENSITIES)
        size = config.action.size
        if len(config.train.label_noise) != size:
            raise UsageError(f"train.label_noise needs as many numbers as an action has: expected {size}, "
                             f"received {config.train.label_noise}.")  # fmt: skip
        self.config, self.density = config, density
        self.periods = (0.0, 0.0, 0.0, config.action.yaw_period or math.pi) if size == 4 else (0.0,) * size
        self.vision = VisionNetwork(config.vision, name="vision")
        self.head = DENSITIES[density](size, config.density, name=density)
        self.pose = keras.layers.Dense(5, name="gripper_pose")
        self.nll = keras.metrics.Mean("nll")

    def build(self, input_shape: dict[str, tuple[int | None, ...]]) -> None:
        """Create the statistics that whiten actions and poses."""
        self.action_mean = self._statistic("action_mean", self.config.action.size, "zeros")
        self.action_std = self._statistic("action_std", self.config.action.size, "ones")
        self.pose_mean = self._statistic("pose_mean", POSE_SIZE, "zeros")
        self.pose_std = self._statistic("pose_std", POSE_SIZE, "ones")

    def _statistic(self, name: str, size: int, initializer: str) -> Any:
        return self.add_weight(name=name, shape=(size,), initializer=initializer, trainable=False)

    def adapt(self, observation: Tensors, action: Any) -> None:
        """Take means and spreads from a sample of the training data.

        Args:
            observation: As for `fit`, `gripper_pose` included.
            action: As for `fit`.
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

    def call(self, observation: Tensors) -> Tensors:
        """The parameters of the density, as plain tensors."""
        features = self.vision(observation["image"], observation["initial_image"])
        return {**self.head(features), "gripper_pose": self.pose(features)}

    def density_of(self, parameters: Tensors) -> ComponentMixture:
        """The density over actions [m, rad] with the parameters that `call` returned."""
        mean = tf.convert_to_tensor(self.action_mean)
        density = Scaled(self.head.distribution(parameters), mean, tf.convert_to_tensor(self.action_std))
        return Wrapped(density, self.periods) if self.config.action.yaw_period else density

    def distribution(self, observation: Tensors) -> ComponentMixture:
        """π(·|s), batch shape (B,), event shape (A,), over actions in [m] and [rad].

        Unless `config.action.yaw_period` makes it wrap around, it has tails in dyaw.
        """
        return self.density_of(self(observation, training=False))

    def compute_loss(
        self,
        x: Tensors | None = None,
        y: tf.Tensor | None = None,
        y_pred: Tensors | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The negative log-likelihood of Section IV-B, weighted with the reward, and the auxiliary pose loss."""
        observation, parameters = x or {}, y_pred or {}
        action = self._with_label_noise(y) if training else y
        nll = negative_log_likelihood(self.density_of(parameters), action, sample_weight)
        loss = nll
        if self.config.train.pose_loss > 0:
            error = parameters["gripper_pose"] - self._pose_target(observation["gripper_pose"])
            loss += self.config.train.pose_loss * tf.reduce_mean(tf.square(error))
        self.nll.update_state(nll)
        return loss

    def _with_label_noise(self, action: tf.Tensor) -> tf.Tensor:
        seed = tf.stack([self.config.train.seed, tf.cast(self.optimizer.iterations, tf.int32)])
        noise = tf.random.stateless_normal(tf.shape(action), seed)
        return wrap(action + noise * tf.constant(self.config.train.label_noise), self.periods)

    def _pose_target(self, pose: tf.Tensor) -> tf.Tensor:
        """Whitened position and the direction of the jaw, which repeats as that of a grasp, (B, 5)."""
        position = ((pose - self.pose_mean) / self.pose_std)[:, :3]
        turn = 2 * math.pi / (self.config.action.yaw_period or math.pi) * pose[:, 3:]
        return tf.concat([position, tf.sin(turn), tf.cos(turn)], axis=-1)

    @tf.function(reduce_retracing=True)
    def act(self, observation: Tensors, seed: tf.Tensor, num_samples: int = NUM_SAMPLES) -> tuple[tf.Tensor, tf.Tensor]:
        """Sample actions.

        Args:
            observation: As for `call`.
            seed: int32, (2,).
            num_samples: Actions for each observation, n.

        Returns:
            Actions (B, n, A) [m, rad], dyaw within half a period of 0, by default in [-π/2, π/2), and their
            log-densities (B, n).
        """
        density = self.distribution(observation)
        samples = wrap(density.sample(num_samples, seed=seed), self.periods)
        return tf.transpose(samples, [1, 0, 2]), tf.transpose(density.log_prob(samples))

    @tf.function(reduce_retracing=True)
    def log_prob(self, observation: Tensors, action: tf.Tensor) -> tf.Tensor:
        """Log-densities (B, n) of actions (B, n, A) [m, rad]."""
        return tf.transpose(self.distribution(observation).log_prob(tf.transpose(action, [1, 0, 2])))


def build_actor(config: Config, density: str) -> Actor:
    """An actor with weights that depend on `config.train.seed` alone, which restarts the global random generators.

    Args:
        config: Sizes of the network, and the seed.
        density: `mof`, `gmm` or `real-nvp`.

    Raises:
        UsageError: If there is no such density.
    """
    keras.utils.set_random_seed(config.train.seed)
    actor = Actor(config, density, name=density.replace("-", "_"))
    image = tf.zeros([1, config.vision.image_size, config.vision.image_size, 3], tf.uint8)
    actor({"image": image, "initial_image": image})
    return actor


def _mean_and_std(values: Any) -> tuple[tf.Tensor, tf.Tensor]:
    values = tf.cast(values, tf.float32)
    return tf.reduce_mean(values, axis=0), tf.maximum(tf.math.reduce_std(values, axis=0), 1e-3)
