"""The mixture of flows (Section IV-A c): a Gaussian mixture, each Gaussian bent by a Real NVP of its own."""

from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.coupling import CouplingNets, Couplings, forward, inverse
from grasp_tfp.models.gmm import GaussianMixture, GaussianMixtureHead
from grasp_tfp.models.mixture import ComponentMixture

__all__ = ["MixtureOfFlows", "MixtureOfFlowsHead"]


class MixtureOfFlows(ComponentMixture):
    """The density Σₖ wₖ N(fₖ⁻¹(x); μₖ, σₖ) |det dfₖ⁻¹(x)/dx|."""

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
        self.loc, self.scale, self.couplings = loc, scale, couplings
        self.base = GaussianMixture(logits, loc, scale)
        super().__init__(logits, loc.shape[-1], name)

    def sample_components(self, num_samples: int, seed: tf.Tensor) -> tf.Tensor:
        """Points (K, num_samples, B, D) from every component, differentiable in all its parameters."""
        return forward(self.couplings.all(), self.base.sample_components(num_samples, seed))[0]

    def transform_chosen(self, component: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Points (n, B, D) from noise (n, B, D), one from each of the components (n, B) that are named."""
        latent = self.base.transform_chosen(component, noise)
        point, _ = forward(self.couplings.of(component), tf.reshape(latent, [-1, 1, 1, self.event_size]))
        return tf.reshape(point, tf.shape(latent))

    def component_log_prob(self, point: tf.Tensor) -> tf.Tensor:
        """Log-density (K, n, B) of each component at points (K, n, B, D), or at (1, n, B, D) for all of them."""
        latent, log_det = inverse(self.couplings.all(), point)
        return self.base.component_log_prob(latent) + log_det


class MixtureOfFlowsHead(keras.layers.Layer):
    """Predicts a mixture of flows from features.

    Call arguments:
        features: (B, C).

    Returns:
        `logits` (B, K), `loc` (B, K, D), `scale` (B, K, D) and the `features`, which the transformations depend on.
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
        """The parameters of the mixture, and what its transformations depend on."""
        return {**self.base(features), "features": features}

    def distribution(self, parameters: dict[str, tf.Tensor]) -> MixtureOfFlows:
        """The density over actions, batch shape (B,), event shape (D,), of what the layer returned."""
        couplings = self.nets.couplings(parameters["features"])
        return MixtureOfFlows(parameters["logits"], parameters["loc"], parameters["scale"], couplings)
