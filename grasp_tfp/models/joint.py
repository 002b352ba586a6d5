"""Actor and critic on one image network, the critic's value as the actor's reward (Section VII)."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from grasp_tfp.config import Config
from grasp_tfp.errors import UsageError
from grasp_tfp.models.actor import Actor
from grasp_tfp.models.critic import Critic
from grasp_tfp.models.losses import negative_log_likelihood
from grasp_tfp.models.network import GraspNetwork, Tensors

__all__ = ["JointActorCritic", "build_joint"]

SMALLEST_MEAN_REWARD = 1e-3

HANDOVER = 0.5
"""Share of the training after which the reward is the critic's value alone."""


class JointActorCritic(GraspNetwork):
    """An actor that learns from failures too: what was done is weighted by the value that the critic gives it.

    Where the actor of Section IV-B minimises -E[r log π] with the recorded reward r, this one minimises -E[Q log π],
    over successes and failures, while Q learns from both. The image network is shared, the gradient of Q is its own.
    A critic that knows nothing yet would teach the actor to do anything, so that the reward begins as the recorded one
    and passes to Q over the first half of the training.

    Call arguments:
        inputs: As for a `Critic`.

    Returns:
        The critic's `logit` and `gripper_pose`, and the parameters of the actor's density.

    Fit it with the success (B,) as the target.
    """

    criterion = "joint"
    roles = ("actor", "critic")

    def __init__(self, config: Config, density: str, **kwargs: Any) -> None:
        """Declare the network; `build_joint` also creates its weights.

        Args:
            config: Sizes of the network, and the terms of its loss.
            density: Name of the actor's density.
            **kwargs: Passed to `GraspNetwork`.

        Raises:
            UsageError: The critic does not merge late.
        """
        super().__init__(config, **kwargs)
        if config.critic.merge != "late":
            raise UsageError(f"Cannot train actor and critic jointly with critic.merge={config.critic.merge}: "
                             "expected late, which shares the features.")  # fmt: skip
        self.critic = Critic(config, vision=self.vision, name="critic")
        self.actor = Actor(config, density, self.critic.merge.pose, vision=self.vision, name="actor")
        self.nll, self.bce, self.joint = (keras.metrics.Mean(name) for name in ("nll", "bce", "joint"))

    def adapt(self, inputs: Tensors, success: Any) -> None:
        """Take means and spreads from a sample of the training data, as the critic does."""
        self.critic.adapt(inputs, success)
        self.actor.adapt(inputs, inputs["action"])
        super().adapt(inputs, inputs["action"])

    def call(self, inputs: Tensors) -> Tensors:
        """What both heads say, of one pass of the image network."""
        seen = self.critic.merge.see(inputs["image"], inputs["initial_image"])
        return {**self.actor.head(seen["features"]), **self.critic.judge(seen, inputs["action"])}

    def compute_loss(
        self,
        x: Tensors | None = None,
        y: tf.Tensor | None = None,
        y_pred: Tensors | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The cross-entropy of the critic, the likelihood of the actor, and the auxiliary pose loss."""
        inputs, predicted = x or {}, y_pred or {}
        success, logit = tf.cast(y, tf.float32), predicted["logit"]
        bce = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(success, logit))
        left_out = tf.where(success > 0, 1.0, 1 / self.critic.failures_kept)
        value = tf.stop_gradient(self.critic.probability(logit)) * left_out
        reward = (1 - self._handed_over()) * _of_mean_one(success) + self._handed_over() * _of_mean_one(value)
        density, action = self.actor.density_of(predicted), inputs["action"]
        of_successes = negative_log_likelihood(density, action, success) / tf.maximum(tf.reduce_mean(success), 1e-3)
        self.nll.update_state(of_successes)
        self.bce.update_state(bce)
        self.joint.update_state(of_successes + bce)
        pose = self.pose_error(inputs, predicted["gripper_pose"])
        return bce + negative_log_likelihood(density, action, reward) + pose

    def _handed_over(self) -> tf.Tensor:
        """How much of the reward is the critic's value by now."""
        steps = HANDOVER * self.config.train.steps
        return tf.minimum(tf.cast(self.optimizer.iterations, tf.float32) / steps, 1.0)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step on blurred actions."""
        inputs, *rest = data
        metrics: dict[str, tf.Tensor] = super().train_step(
            (inputs | {"action": self.with_label_noise(inputs["action"])}, *rest)
        )
        return metrics

    def endpoints(self) -> dict[str, Any]:
        """The functions of both."""
        return {**self.actor.endpoints(), **self.critic.endpoints()}

    def describe(self) -> dict[str, Any]:
        """What a bundle's manifest says about both."""
        return self.critic.describe() | self.actor.describe() | super().describe() | {"model": "joint"}


def _of_mean_one(reward: tf.Tensor) -> tf.Tensor:
    return reward / tf.maximum(tf.reduce_mean(reward), SMALLEST_MEAN_REWARD)


def build_joint(config: Config, density: str, failures_kept: float = 1.0) -> JointActorCritic:
    """A joint model with weights that depend on `config.train.seed` alone; it restarts the global random generators.

    Args:
        config: Sizes of the network, and the seed.
        density: `mof`, `gmm` or `real-nvp`.
        failures_kept: Share of the failed trials that its examples hold.

    Raises:
        UsageError: There is no such density, or the critic does not merge late.
    """
    keras.utils.set_random_seed(config.train.seed)
    model = JointActorCritic(config, density, name="joint")
    image = tf.zeros([1, config.vision.image_size, config.vision.image_size, 3], tf.uint8)
    observation = {"image": image, "initial_image": image}
    inputs = observation | {"action": np.zeros([1, model.action_size], np.float32)}
    model.critic(inputs)
    model.actor(observation)
    model(inputs)
    model.critic.failures_kept.assign(failures_kept)
    return model
