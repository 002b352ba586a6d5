"""Real NVP (Section IV-A b): one chain of coupling layers that bends a standard normal distribution."""

from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.coupling import CouplingNets, Couplings
from grasp_tfp.models.mof import MixtureOfFlows

__all__ = ["RealNVP", "RealNVPHead"]


class RealNVP(MixtureOfFlows):
    """The density N(f⁻¹(x); 0, I) |det df⁻¹(x)/dx|, a mixture of flows with a single, fixed Gaussian."""

    def __init__(self, event_size: int, couplings: Couplings) -> None:
        """Bend a standard normal distribution.

        Args:
            event_size: Dimensions of an action, D.
            couplings: The transformation f of one component for B observations.
        """
        loc = tf.zeros([tf.shape(couplings.features)[0], 1, event_size])
        loc = tf.ensure_shape(loc, [couplings.features.shape[0], 1, event_size])
        super().__init__(loc[..., 0], loc, tf.ones_like(loc), couplings, name="RealNVP")


class RealNVPHead(keras.layers.Layer):
    """Predicts a Real NVP density from features.

    Call arguments:
        features: (B, C).

    Returns:
        The `features`, which the transformation depends on.
    """

    def __init__(self, event_size: int, config: DensityConfig, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            event_size: Dimensions of an action, D.
            config: Coupling layers and their sizes; the components do not matter here.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.event_size = event_size
        self.nets = CouplingNets(event_size, 1, config, name="couplings")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for features (B, C)."""
        self.nets.build(input_shape)

    def call(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the transformation depends on."""
        return {"features": features}

    def distribution(self, parameters: dict[str, tf.Tensor]) -> RealNVP:
        """The density over actions, batch shape (B,), event shape (D,), of what the layer returned."""
        return RealNVP(self.event_size, self.nets.couplings(parameters["features"]))
