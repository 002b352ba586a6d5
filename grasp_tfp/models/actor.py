"""The actor π(a|s): the image network joined to one of the three densities (Sections IV-B and V)."""

from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import NUM_SAMPLES, Config
from grasp_tfp.errors import unknown_name
from grasp_tfp.models.gmm import GaussianMixtureHead
from grasp_tfp.models.losses import negative_log_likelihood
from grasp_tfp.models.mixture import ComponentMixture
from grasp_tfp.models.mof import MixtureOfFlowsHead
from grasp_tfp.models.network import GraspNetwork, Tensors
from grasp_tfp.models.real_nvp import RealNVPHead
from grasp_tfp.models.transformed import Scaled, Wrapped, wrap

__all__ = ["DENSITIES", "Actor", "build_actor"]

DENSITIES: dict[str, type[keras.layers.Layer]] = {
    "gmm": GaussianMixtureHead,
    "mof": MixtureOfFlowsHead,
    "real-nvp": RealNVPHead,
}

ENTROPY_SAMPLES = 4
"""Samples from each component in a training step."""


class Actor(GraspNetwork):
    """A conditional density over grasps.

    Call arguments:
        observation: `image` and `initial_image`, each uint8, (B, S, S, 3).

    Returns:
        The parameters of the density and `gripper_pose`, the robot's own pose as read off the image, (B, 5).

    Fit it with actions (B, A) as targets and rewards as sample weights. If `train.pose_loss` is above 0, the
    observations of training and validation also hold `gripper_pose` (B, 4), which nothing else reads.
    """

    criterion = "nll"
    roles = ("actor",)

    def __init__(self, config: Config, density: str, pose: keras.layers.Layer | None = None, **kwargs: Any) -> None:
        """Declare the network; `build_actor` also creates its weights.

        Args:
            config: Sizes of the network, and the terms of its loss.
            density: Name of one of `DENSITIES`.
            pose: What reads the gripper's pose in another model, to share it.
            **kwargs: Passed to `GraspNetwork`.
        """
        super().__init__(config, **kwargs)
        if density not in DENSITIES:
            raise unknown_name("density", density, DENSITIES)
        self.density = density
        self.head = DENSITIES[density](self.action_size, config.density, name=density)
        self.pose = keras.layers.Dense(5, name="gripper_pose") if pose is None else pose
        self.nll = keras.metrics.Mean("nll")
        if config.train.entropy:
            self.entropy = keras.metrics.Mean("entropy")

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
        """The loss of Section IV-B, its likelihoods weighted with the reward, and the auxiliary pose loss."""
        observation, parameters = x or {}, y_pred or {}
        action = self.with_label_noise(y) if training else y
        density = self.density_of(parameters)
        nll = negative_log_likelihood(density, action, sample_weight)
        self.nll.update_state(nll)
        loss = nll + self.pose_error(observation, parameters["gripper_pose"])
        return loss - self._entropy_bonus(density) if training and self.config.train.entropy else loss

    def _entropy_bonus(self, density: ComponentMixture) -> tf.Tensor:
        """α times the entropy, by the stratified estimate that keeps the gradient of the mixture's weights."""
        seed = tf.stack([self.config.train.seed + 1, tf.cast(self.optimizer.iterations, tf.int32)])
        entropy = tf.reduce_mean(density.entropy(seed=seed, num_samples=ENTROPY_SAMPLES))
        self.entropy.update_state(entropy)
        return self.config.train.entropy * entropy

    @tf.function(reduce_retracing=True)
    def act(self, observation: Tensors, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Sample actions without a random generator: what one observation is answered depends on nothing else.

        Args:
            observation: As for `call`.
            noise: (B, n, A + 1), A standard normal numbers and one uniform in [0, 1) for each sample.

        Returns:
            Actions (B, n, A) [m, rad], dyaw within half a period of 0, by default in [-π/2, π/2), and their
            log-densities (B, n).
        """
        density = self.distribution(observation)
        samples = wrap(density.transform(tf.transpose(noise, [1, 0, 2])), self.periods)
        return tf.transpose(samples, [1, 0, 2]), tf.transpose(density.log_prob(samples))

    @tf.function(reduce_retracing=True)
    def log_prob(self, observation: Tensors, action: tf.Tensor) -> tf.Tensor:
        """Log-densities (B, n) of actions (B, n, A) [m, rad]."""
        return tf.transpose(self.distribution(observation).log_prob(tf.transpose(action, [1, 0, 2])))

    def endpoints(self) -> dict[str, Any]:
        """The functions of a bundle, each with its signature."""

        def act(image: tf.Tensor, initial_image: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
            samples, log_prob = self.act({"image": image, "initial_image": initial_image}, noise)
            return {"samples": samples, "log_prob": log_prob}

        def log_prob(image: tf.Tensor, initial_image: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
            return self.log_prob({"image": image, "initial_image": initial_image}, action)

        image, action = self.image_spec(), tf.TensorSpec([None, None, self.action_size], tf.float32)
        noise = tf.TensorSpec([None, None, self.action_size + 1], tf.float32)
        return {"act": (act, [image, image, noise]), "log_prob": (log_prob, [image, image, action])}

    def describe(self) -> dict[str, Any]:
        """What a bundle's manifest says about the actor."""
        return super().describe() | {"model": self.density, "num_samples": NUM_SAMPLES}


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
