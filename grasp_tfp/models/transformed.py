"""Densities in other coordinates than those of the network: in metres and radians, and on a circle."""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from grasp_tfp.models.mixture import ComponentMixture

__all__ = ["Scaled", "Wrapped", "wrap"]

TURNS = 2
"""Full turns to either side that a wrapped density adds up; what lies further out counts as nothing."""


class Scaled(ComponentMixture):
    """The density of shift + scale x, where x follows another density."""

    def __init__(self, base: ComponentMixture, shift: tf.Tensor, scale: tf.Tensor) -> None:
        """Stretch and shift a density.

        Args:
            base: The density of x.
            shift: What is added, (D,).
            scale: What each dimension is multiplied with, above 0, (D,).
        """
        self.base, self.shift, self.scale = base, shift, scale
        super().__init__(base.logits, base.event_size, f"Scaled{base.name}")

    def sample_components(self, num_samples: int, seed: tf.Tensor) -> tf.Tensor:
        """Points (K, num_samples, B, D) from every component, differentiable in all its parameters."""
        return self.shift + self.scale * self.base.sample_components(num_samples, seed)

    def transform_chosen(self, component: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Points (n, B, D) from noise (n, B, D), one from each of the components (n, B) that are named."""
        return self.shift + self.scale * self.base.transform_chosen(component, noise)

    def component_log_prob(self, point: tf.Tensor) -> tf.Tensor:
        """Log-density (K, n, B) of each component at points (K, n, B, D), or at (1, n, B, D) for all of them."""
        log_prob = self.base.component_log_prob((point - self.shift) / self.scale)
        return log_prob - tf.reduce_sum(tf.math.log(self.scale))

    def _mean(self) -> tf.Tensor:
        return self.shift + self.scale * self.base.mean()

    def _covariance(self) -> tf.Tensor:
        return self.scale[:, None] * self.scale * self.base.covariance()


class Wrapped(ComponentMixture):
    """A density that repeats: Σⱼ p(x + j · period) over angles in [-period/2, period/2).

    Any angle may be asked for; the density is that of the same angle in the interval.
    """

    def __init__(self, base: ComponentMixture, periods: Sequence[float], turns: int = TURNS) -> None:
        """Wind a density around.

        Args:
            base: The density p of angles without bounds.
            periods: Length of a full turn of every dimension; 0 for those that do not repeat.
            turns: Full turns j to either side that are added up.
        """
        images = [[j * period for j in range(-turns, turns + 1)] if period else [0.0] for period in periods]
        self.base, self.periods = base, tuple(periods)
        self.images = tf.constant(list(itertools.product(*images)), base.dtype)
        super().__init__(base.logits, base.event_size, f"Wrapped{base.name}")

    def sample_components(self, num_samples: int, seed: tf.Tensor) -> tf.Tensor:
        """Points (K, num_samples, B, D) from every component, differentiable in all its parameters."""
        return wrap(self.base.sample_components(num_samples, seed), self.periods)

    def transform_chosen(self, component: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Points (n, B, D) from noise (n, B, D), one from each of the components (n, B) that are named."""
        return wrap(self.base.transform_chosen(component, noise), self.periods)

    def component_log_prob(self, point: tf.Tensor) -> tf.Tensor:
        """Log-density (K, n, B) of each component at points (K, n, B, D), or at (1, n, B, D) for all of them."""
        copies, number, batch, size = tf.unstack(tf.shape(point))
        seen = wrap(point, self.periods)[:, None] + self.images[:, None, None]
        log_prob = self.base.component_log_prob(tf.reshape(seen, [copies, -1, batch, size]))
        return tf.reduce_logsumexp(tf.reshape(log_prob, [-1, self.images.shape[0], number, batch]), axis=1)


def wrap(point: tf.Tensor, periods: Sequence[float]) -> tf.Tensor:
    """The same points (..., D) with every angle in [-period/2, period/2); a period of 0 leaves a number as it is."""
    numbers = zip(tf.unstack(point, axis=-1), periods, strict=True)
    return tf.stack([_wrap_angle(number, period) if period else number for number, period in numbers], axis=-1)


def _wrap_angle(angle: tf.Tensor, period: float) -> tf.Tensor:
    wrapped = angle - period * tf.floor(angle / period + 0.5)
    return tf.where(wrapped >= period / 2, -period / 2, wrapped)
