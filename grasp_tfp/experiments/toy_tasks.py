"""The paper's two tasks without images: ten targets in a cube (Section III) and five points (Section VI-A).

An observation lists the coordinates of points, scaled to [-1, 1]. Seeds are int32 tensors (2,).
"""

import abc
import dataclasses

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

__all__ = ["FivePoints", "TargetPoints", "ToyTask"]


class ToyTask(abc.ABC):
    """Observations, and the distribution of good actions for each."""

    observation_size: int
    action_size: int

    @abc.abstractmethod
    def batch(self, seed: tf.Tensor, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (number, observation_size) and a good action (number, action_size) for each."""


class FivePoints(ToyTask):
    """Five points in a 10×10 square; good actions lie around p₁ - p₀ … p₄ - p₀ (Section VI-A)."""

    observation_size = 10
    action_size = 2
    SIDE = 10.0
    SPREAD = 0.5
    """Standard deviation of the good actions around each centre."""

    def observe(self, seed: tf.Tensor, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (number, 10) and the centres of their good actions (number, 4, 2)."""
        points = tf.random.stateless_uniform([number, 5, 2], seed, 0.0, self.SIDE)
        return tf.reshape(2 * points / self.SIDE - 1, [number, 10]), points[:, 1:] - points[:, :1]

    def truth(self, centres: tf.Tensor) -> tfd.Distribution:
        """The distribution of good actions around centres (B, 4, 2): batch shape (B,), event shape (2,)."""
        spread = tf.fill(tf.shape(centres), self.SPREAD)
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros_like(centres[..., 0])), tfd.MultivariateNormalDiag(centres, spread)
        )

    def batch(self, seed: tf.Tensor, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (number, 10) and a good action (number, 2) for each."""
        points_seed, action_seed = tf.unstack(tfp.random.split_seed(seed, n=2))
        observation, centres = self.observe(points_seed, number)
        return observation, self.truth(centres).sample(seed=action_seed)


@dataclasses.dataclass(frozen=True)
class TargetPoints(ToyTask):
    """Ten targets in the unit cube; an action is good within a radius of any (Section III).

    The network sees targets, and predicts actions, scaled from [0, 1] to [-1, 1].
    """

    dimensions: int
    radius: float
    TARGETS = 10

    @property
    def observation_size(self) -> int:  # type: ignore[override]
        """Coordinates of all targets."""
        return self.TARGETS * self.dimensions

    @property
    def action_size(self) -> int:  # type: ignore[override]
        """The dimensions of the cube."""
        return self.dimensions

    def batch(self, seed: tf.Tensor, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (number, 10 D) and, for each, an action (number, D) uniform in the ball around a target."""
        seeds = tf.unstack(tfp.random.split_seed(seed, n=4))
        targets = tf.random.stateless_uniform([number, self.TARGETS, self.dimensions], seeds[0], -1.0, 1.0)
        chosen = tf.random.stateless_uniform([number], seeds[1], 0, self.TARGETS, tf.int32)
        way = tf.math.l2_normalize(tf.random.stateless_normal([number, self.dimensions], seeds[2]), axis=-1)
        length = 2 * self.radius * tf.random.stateless_uniform([number, 1], seeds[3]) ** (1 / self.dimensions)
        return tf.reshape(targets, [number, -1]), tf.gather(targets, chosen, batch_dims=1) + length * way
