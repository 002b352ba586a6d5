"""A density of its own: a mixture of Student's t distributions, whose heavy tails forgive outliers."""

import math
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.actor import DENSITIES
from grasp_tfp.models.mixture import ComponentMixture, pick

__all__ = ["StudentMixture", "StudentMixtureHead"]


class StudentMixture(ComponentMixture):
    """The density Σₖ wₖ Πᵢ t₁(xᵢ; μₖᵢ, σₖᵢ) with one degree of freedom, also known as Cauchy's."""

    def __init__(self, logits: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor) -> None:
        """Take log-weights (B, K), centres and scales (B, K, D)."""
        self.loc, self.scale = loc, scale
        super().__init__(logits, loc.shape[-1], "StudentMixture")

    def sample_components(self, num_samples: int, seed: tf.Tensor) -> tf.Tensor:
        """Points (K, num_samples, B, D) from every component."""
        loc, scale = (tf.transpose(part, [1, 0, 2])[:, None] for part in (self.loc, self.scale))
        components, _, batch, size = tf.unstack(tf.shape(loc))
        noise = tf.random.stateless_normal([components, num_samples, batch, size], seed, dtype=self.dtype)
        return loc + scale * heavy(noise)

    def transform_chosen(self, component: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Points (n, B, D) from noise (n, B, D), one from each of the components (n, B) that are named."""
        return pick(self.loc, component) + pick(self.scale, component) * heavy(noise)

    def component_log_prob(self, point: tf.Tensor) -> tf.Tensor:
        """Log-density (K, n, B) of each component at points (K, n, B, D), or at (1, n, B, D) for all of them."""
        loc, scale = (tf.transpose(part, [1, 0, 2])[:, None] for part in (self.loc, self.scale))
        squares = tf.math.log1p(tf.square((point - loc) / scale))
        return -tf.reduce_sum(squares + tf.math.log(math.pi * scale), axis=-1)


def heavy(noise: tf.Tensor) -> tf.Tensor:
    """Standard normal numbers as standard Cauchy numbers."""
    uniform = tf.clip_by_value(0.5 * tf.math.erfc(-noise / math.sqrt(2.0)), 1e-6, 1 - 1e-6)
    return tf.tan(math.pi * (uniform - 0.5))


class StudentMixtureHead(keras.layers.Layer):
    """Predicts the parameters of the density from features (B, C)."""

    def __init__(self, event_size: int, config: DensityConfig, **kwargs: Any) -> None:
        """Declare the layer for D = `event_size`; `config` says how many components."""
        super().__init__(**kwargs)
        self.shape = (-1, config.components, event_size)
        spread = keras.initializers.RandomNormal(stddev=0.5)
        self.logits = keras.layers.Dense(config.components, kernel_initializer="zeros", name="logits")
        self.loc = keras.layers.Dense(config.components * event_size, bias_initializer=spread, name="loc")
        self.scale = keras.layers.Dense(config.components * event_size, kernel_initializer="zeros", name="scale")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        for layer in (self.logits, self.loc, self.scale):
            layer.build(input_shape)

    def call(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """The parameters, as plain tensors."""
        loc, scale = tf.reshape(self.loc(features), self.shape), tf.reshape(self.scale(features), self.shape)
        return {"logits": self.logits(features), "loc": loc, "scale": tf.nn.softplus(scale) + 1e-3}

    def distribution(self, parameters: dict[str, tf.Tensor]) -> StudentMixture:
        """The density of what `call` returned; built afresh each time."""
        return StudentMixture(parameters["logits"], parameters["loc"], parameters["scale"])


DENSITIES["student-t"] = StudentMixtureHead
