"""The critic Q(s, a): the probability that a grasp holds (Section VI-B)."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from grasp_tfp.config import Config
from grasp_tfp.errors import UsageError
from grasp_tfp.models.merge import LateMerge, MapMerge
from grasp_tfp.models.network import GraspNetwork, Tensors

__all__ = ["Critic", "build_critic"]

MERGES: dict[str, type[LateMerge] | type[MapMerge]] = {"late": LateMerge, "map": MapMerge}


class Critic(GraspNetwork):
    """The probability that an action leads to a grasp that holds.

    Call arguments:
        inputs: `image` and `initial_image`, each uint8, (B, S, S, 3), and `action` (B, 4) [m, rad].

    Returns:
        `logit` (B,) of the success among the recorded examples, and `gripper_pose` (B, 5).

    Fit it with the success (B,) as the target. A dataset that keeps only a share of the failed trials makes success
    look more likely than it is; `failures_kept` takes that back, so that `value` is a probability of the collection
    itself. If `train.pose_loss` is above 0, training inputs also hold `gripper_pose` (B, 4).
    """

    criterion = "bce"
    roles = ("critic",)

    def __init__(self, config: Config, **kwargs: Any) -> None:
        """Declare the network; `build_critic` also creates its weights.

        Args:
            config: Sizes of the network, and where the action joins it.
            **kwargs: Passed to `GraspNetwork`.

        Raises:
            UsageError: The action has a rotation vector.
        """
        super().__init__(config, **kwargs)
        if self.action_size != 4:
            raise UsageError(
                f"A critic judges (dx, dy, dz, dyaw): expected action.size=4, received {self.action_size}."
            )
        self.merge = MERGES[config.critic.merge](config.critic, self.vision, name=config.critic.merge)
        self.bce = keras.metrics.Mean("bce")
        self.auc = keras.metrics.AUC(name="auc")

    def build(self, input_shape: dict[str, tuple[int | None, ...]]) -> None:
        """Create the statistics, and the share of the failures that the examples hold."""
        super().build(input_shape)
        if not self.vision.built:
            self.vision.build(input_shape["image"], input_shape["initial_image"])
        self.failures_kept = self.add_weight(name="failures_kept", shape=(), initializer="ones", trainable=False)

    def adapt(self, inputs: Tensors, success: Any) -> None:
        """Take means and spreads from a sample of the training data.

        Args:
            inputs: As for `fit`, `gripper_pose` included.
            success: As for `fit`.
        """
        super().adapt(inputs, inputs["action"])

    def call(self, inputs: Tensors) -> Tensors:
        """The logit, and the robot's own pose as read off the image."""
        return self.judge(self.merge.see(inputs["image"], inputs["initial_image"]), inputs["action"])

    def judge(self, seen: Tensors, action: tf.Tensor) -> Tensors:
        """The logit, and the robot's own pose, of one action (B, 4) for each observation seen."""
        logit = self.merge(seen, self._whitened(action[:, None]))
        return {"logit": logit[:, 0], "gripper_pose": seen["gripper_pose"]}

    def _whitened(self, action: tf.Tensor) -> tf.Tensor:
        """(dx, dy, dyaw) of actions (..., 4), the first two in the unit of whitened poses, so that both can be added.

        The height is left out: the fingers close at the bottom of the tray, however far down was commanded.
        """
        return tf.concat([action[..., :2] / self.pose_std[:2], action[..., 3:]], axis=-1)

    def compute_loss(
        self,
        x: Tensors | None = None,
        y: tf.Tensor | None = None,
        y_pred: Tensors | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The binary cross-entropy of the recorded examples, and the auxiliary pose loss."""
        inputs, predicted = x or {}, y_pred or {}
        success = tf.cast(y, predicted["logit"].dtype)
        bce = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(success, predicted["logit"]))
        self.bce.update_state(bce)
        self.auc.update_state(success, tf.sigmoid(predicted["logit"]))
        return bce + self.pose_error(inputs, predicted["gripper_pose"])

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step on blurred actions."""
        inputs, *rest = data
        metrics: dict[str, tf.Tensor] = super().train_step(
            (inputs | {"action": self.with_label_noise(inputs["action"])}, *rest)
        )
        return metrics

    def probability(self, logit: tf.Tensor) -> tf.Tensor:
        """The probability of success in the collection, of a logit among the recorded examples."""
        return tf.sigmoid(logit + tf.math.log(self.failures_kept))

    @tf.function(reduce_retracing=True)
    def encode(self, observation: Tensors) -> Tensors:
        """What is computed once for any number of actions, from `image` and `initial_image`."""
        seen: Tensors = self.merge.see(observation["image"], observation["initial_image"])
        return seen

    @tf.function(reduce_retracing=True)
    def value(self, seen: Tensors, action: tf.Tensor) -> tf.Tensor:
        """Probabilities (B, n) that actions (B, n, 4) [m, rad] succeed, for what `encode` returned."""
        return self.probability(self.merge(seen, self._whitened(action)))

    def endpoints(self) -> dict[str, Any]:
        """The functions of a bundle, each with its signature."""

        def encode(image: tf.Tensor, initial_image: tf.Tensor) -> Tensors:
            seen: Tensors = self.encode({"image": image, "initial_image": initial_image})
            return seen

        image = self.image_spec()
        shapes = self.encode.get_concrete_function({"image": image, "initial_image": image}).output_shapes
        seen = {name: tf.TensorSpec([None, *shape[1:]], tf.float32, name) for name, shape in shapes.items()}
        action = tf.TensorSpec([None, None, self.action_size], tf.float32)
        return {"encode": (encode, [image, image]), "value": (self.value, [seen, action])}

    def describe(self) -> dict[str, Any]:
        """What a bundle's manifest says about the critic."""
        return super().describe() | {"model": "critic", "failures_kept": float(self.failures_kept)}


def build_critic(config: Config, failures_kept: float = 1.0) -> Critic:
    """A critic with weights that depend on `config.train.seed` alone, which restarts the global random generators.

    Args:
        config: Sizes of the network, and the seed.
        failures_kept: Share of the failed trials that its examples hold.
    """
    keras.utils.set_random_seed(config.train.seed)
    critic = Critic(config, name="critic")
    image = tf.zeros([1, config.vision.image_size, config.vision.image_size, 3], tf.uint8)
    critic({"image": image, "initial_image": image, "action": np.zeros([1, critic.action_size], np.float32)})
    critic.failures_kept.assign(failures_kept)
    return critic
