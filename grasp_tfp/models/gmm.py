"""The Gaussian mixture model (Section IV-A a)."""

import math
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.mixture import ComponentMixture, pick

__all__ = ["GaussianMixture", "GaussianMixtureHead"]

Parameters = dict[str, tf.Tensor]

POSITIVE = {"exp": tf.exp, "softplus": tf.nn.softplus}
"""What makes a standard deviation out of any number."""


class GaussianMixture(ComponentMixture):
    """The density Σₖ wₖ N(x; μₖ, σₖ) of Gaussians with diagonal covariances."""

    def __init__(self, logits: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor, name: str = "GaussianMixture") -> None:
        """Join Gaussians.

        Args:
            logits: Unnormalised log-weights of the Gaussians, (B, K).
            loc: Their centres, (B, K, D).
            scale: Their standard deviations, (B, K, D).
            name: Name of the distribution.
        """
        self.loc, self.scale = loc, scale
        super().__init__(logits, loc.shape[-1], name)

    def sample_components(self, num_samples: int, seed: tf.Tensor) -> tf.Tensor:
        """Points (K, num_samples, B, D) from every Gaussian, differentiable in its centre and spread."""
        loc, scale = _component_first(self.loc), _component_first(self.scale)
        components, _, batch, size = tf.unstack(tf.shape(loc))
        noise = tf.random.stateless_normal([components, num_samples, batch, size], seed, dtype=self.dtype)
        return loc + scale * noise

    def transform_chosen(self, component: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Points (n, B, D) from noise (n, B, D), one from each of the Gaussians (n, B) that are named."""
        return pick(self.loc, component) + pick(self.scale, component) * noise

    def component_log_prob(self, point: tf.Tensor) -> tf.Tensor:
        """Log-density (K, n, B) of each Gaussian at points (K, n, B, D), or at (1, n, B, D) for all of them."""
        loc, scale = _component_first(self.loc), _component_first(self.scale)
        squares = tf.square((point - loc) / scale) + math.log(2 * math.pi)
        return -tf.reduce_sum(0.5 * squares + tf.math.log(scale), axis=-1)

    def _mean(self) -> tf.Tensor:
        return tf.einsum("bk,bkd->bd", tf.nn.softmax(self.logits), self.loc)

    def _covariance(self) -> tf.Tensor:
        weights, offset = tf.nn.softmax(self.logits), self.loc - self._mean()[:, None]
        within = tf.linalg.diag(tf.einsum("bk,bkd->bd", weights, tf.square(self.scale)))
        return within + tf.einsum("bk,bkd,bke->bde", weights, offset, offset)


def _component_first(parameter: tf.Tensor) -> tf.Tensor:
    """(B, K, D) as (K, 1, B, D)."""
    return tf.transpose(parameter, [1, 0, 2])[:, None]


class GaussianMixtureHead(keras.layers.Layer):
    """Predicts weights, centres and standard deviations of K diagonal Gaussians from features.

    Call arguments:
        features: (B, C).

    Returns:
        `logits` (B, K), `loc` (B, K, D) and `scale` (B, K, D).
    """

    def __init__(self, event_size: int, config: DensityConfig, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            event_size: Dimensions of an action, D.
            config: Number of components, and where their standard deviations come from.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.shape, self.config = (-1, config.components, event_size), config
        size = config.components * event_size
        self.logits = keras.layers.Dense(config.components, kernel_initializer="zeros", name="logits")
        self.loc = keras.layers.Dense(size, bias_initializer=keras.initializers.RandomNormal(stddev=0.5), name="loc")
        if config.scale == "predicted":
            start = self._start()
            self.scale = keras.layers.Dense(size, kernel_initializer="zeros", bias_initializer=start, name="scale")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for features (B, C)."""
        self.logits.build(input_shape)
        self.loc.build(input_shape)
        if self.config.scale == "predicted":
            self.scale.build(input_shape)
        elif self.config.scale == "learned":
            self.scale = self.add_weight(name="scale", shape=self.shape[1:], initializer=self._start())

    def call(self, features: tf.Tensor) -> Parameters:
        """The parameters of the mixture."""
        loc = tf.reshape(self.loc(features), self.shape)
        return {"logits": self.logits(features), "loc": loc, "scale": self._scale(features, loc)}

    def distribution(self, parameters: Parameters) -> GaussianMixture:
        """The density over actions, batch shape (B,), event shape (D,), of what the layer returned."""
        return GaussianMixture(parameters["logits"], parameters["loc"], parameters["scale"])

    def _scale(self, features: tf.Tensor, loc: tf.Tensor) -> tf.Tensor:
        """Standard deviations (B, K, D)."""
        if self.config.scale == "fixed":
            return tf.fill(tf.shape(loc), tf.constant(self.config.initial_scale, loc.dtype))
        raw = tf.reshape(self.scale(features), self.shape) if self.config.scale == "predicted" else self.scale
        return tf.broadcast_to(POSITIVE[self.config.scale_function](raw) + self.config.scale_floor, tf.shape(loc))

    def _start(self) -> keras.initializers.Initializer:
        """What the function that makes standard deviations positive is first given."""
        above = self.config.initial_scale - self.config.scale_floor
        softplus = self.config.scale_function == "softplus"
        return keras.initializers.Constant(above + math.log(-math.expm1(-above)) if softplus else math.log(above))
