"""The mixture of flows (Section IV-A c): a Gaussian mixture, each Gaussian bent by a Real NVP of its own."""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.coupling import CouplingNets, Couplings, forward, inverse
from grasp_tfp.models.gmm import GaussianMixtureHead

__all__ = ["MixtureOfFlows", "MixtureOfFlowsHead"]


class MixtureOfFlows(tfd.Distribution):
    """The density Σₖ wₖ N(fₖ⁻¹(x); μₖ, σₖ) |det dfₖ⁻¹(x)/dx|, all components computed at once.

    Batch shape (B,), event shape (D,). Build it afresh from a network's outputs: it holds tensors only.
    """

    def __init__(
        self, logits: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor, couplings: Couplings, name: str = "MixtureOfFlows"
    ) -> None:
        """Join a mixture and its transformations.

        Args:
            logits: Unnormalised log-weights of the components, (B, K).
            loc: Centres of the base Gaussians, (B, K, D).
            scale: Their standard deviations, (B, K, D).
            couplings: The transformations f of K components for B observations.
            name: Name of the distribution.
        """
        self.logits, self.loc, self.scale, self.couplings = logits, loc, scale, couplings
        super().__init__(
            dtype=loc.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            name=name,
        )

    def sample_components(self, number: int, seed: tf.Tensor) -> tf.Tensor:
        """Points (K, number, B, D) from every component, differentiable in all its parameters."""
        loc, scale = self._component_first(self.loc), self._component_first(self.scale)
        components, _, batch, size = tf.unstack(tf.shape(loc))
        noise = tf.random.stateless_normal([components, number, batch, size], seed, dtype=self.dtype)
        return forward(self.couplings, loc + scale * noise)[0]

    def component_log_prob(self, point: tf.Tensor) -> tf.Tensor:
        """Log-density (K, n, B) of each component at points (K, n, B, D)."""
        latent, log_det = inverse(self.couplings, point)
        loc, scale = self._component_first(self.loc), self._component_first(self.scale)
        squares = tf.square((latent - loc) / scale) + math.log(2 * math.pi)
        return log_det - tf.reduce_sum(0.5 * squares + tf.math.log(scale), axis=-1)

    def _component_first(self, parameter: tf.Tensor) -> tf.Tensor:
        """(B, K, D) as (K, 1, B, D)."""
        return tf.transpose(parameter, [1, 0, 2])[:, None]

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        batch, components, size = tf.unstack(tf.shape(self.loc))
        shape = tf.broadcast_dynamic_shape(tf.shape(value), tf.stack([batch, size]))
        point = tf.reshape(tf.broadcast_to(value, shape), [1, -1, batch, size])
        weighted = self.component_log_prob(tf.repeat(point, components, axis=0)) + self._log_weights()
        return tf.reshape(tf.reduce_logsumexp(weighted, axis=0), shape[:-1])

    def _log_weights(self) -> tf.Tensor:
        """(K, 1, B)."""
        return tf.transpose(tf.nn.log_softmax(self.logits))[:, None]

    def _sample_n(self, number: int, seed: Any = None) -> tf.Tensor:
        points_seed, choice_seed = tf.unstack(tfp.random.split_seed(seed, n=2))
        points = tf.transpose(self.sample_components(number, points_seed), [1, 2, 0, 3])
        shape = tf.concat([[number], tf.shape(self.logits)], axis=0)
        uniform = tf.random.stateless_uniform(shape, choice_seed, minval=1e-20, dtype=self.dtype)
        choice = tf.argmax(self.logits - tf.math.log(-tf.math.log(uniform)), axis=-1)
        return tf.gather(points, choice, batch_dims=2)

    def _batch_shape(self) -> tf.TensorShape:
        return self.loc.shape[:1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.loc)[:1]

    def _event_shape(self) -> tf.TensorShape:
        return self.loc.shape[2:]

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.loc)[2:]


class MixtureOfFlowsHead(keras.layers.Layer):
    """Predicts a mixture of flows from features.

    Call arguments:
        features: (B, C).

    Returns:
        `logits` (B, K), `loc` (B, K, D), `scale` (B, K, D) and `context` (B, L, K, H).
    """

    def __init__(self, event_size: int, config: DensityConfig, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            event_size: Dimensions of an action, D.
            config: Components, coupling layers and their sizes.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.base = GaussianMixtureHead(event_size, config, name="base")
        self.nets = CouplingNets(event_size, config.components, config, name="couplings")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for features (B, C)."""
        self.base.build(input_shape)
        self.nets.build(input_shape)

    def call(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """The parameters of the mixture and the context of its transformations."""
        return {**self.base(features), "context": self.nets(features)}

    def distribution(self, parameters: dict[str, tf.Tensor]) -> MixtureOfFlows:
        """The density over actions, batch shape (B,), event shape (D,), of what the layer returned."""
        couplings = self.nets.couplings(parameters["context"])
        return MixtureOfFlows(parameters["logits"], parameters["loc"], parameters["scale"], couplings)
