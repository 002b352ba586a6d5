"""The Gaussian mixture model (Section IV-A a)."""

import math
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from grasp_tfp.config import DensityConfig

__all__ = ["GaussianMixtureHead"]


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
            config: Number of components, initial and smallest standard deviation.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.shape, self.floor = (-1, config.components, event_size), config.scale_floor
        size = config.components * event_size
        start = keras.initializers.Constant(math.log(math.expm1(config.initial_scale - config.scale_floor)))
        self.logits = keras.layers.Dense(config.components, kernel_initializer="zeros", name="logits")
        self.loc = keras.layers.Dense(size, bias_initializer=keras.initializers.RandomNormal(stddev=0.5), name="loc")
        self.scale = keras.layers.Dense(size, kernel_initializer="zeros", bias_initializer=start, name="scale")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for features (B, C)."""
        for layer in (self.logits, self.loc, self.scale):
            layer.build(input_shape)

    def call(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """The parameters of the mixture."""
        return {
            "logits": self.logits(features),
            "loc": tf.reshape(self.loc(features), self.shape),
            "scale": tf.reshape(tf.nn.softplus(self.scale(features)) + self.floor, self.shape),
        }

    def distribution(self, parameters: dict[str, tf.Tensor]) -> tfd.Distribution:
        """The density over actions, batch shape (B,), event shape (D,), of what the layer returned."""
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=parameters["logits"]),
            tfd.MultivariateNormalDiag(parameters["loc"], parameters["scale"]),
        )
