"""Affine coupling layers (Section IV-A b), for K independent Real NVP transformations at once.

Points have shape (K, n, B, D): K transformations, n points for each of B observations, D action dimensions.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from grasp_tfp.config import DensityConfig

__all__ = ["CouplingNets", "Couplings", "forward", "inverse"]


class Couplings(NamedTuple):
    """K chains of L coupling layers; the networks s and t of a layer share their hidden layer of H units."""

    context: tf.Tensor
    """What the observations add to the hidden layers, (B, L, K, H)."""

    kernels: tuple[tf.Tensor, ...]
    """From the half that passes to the hidden layer, L times (K, d, H)."""

    heads: tuple[tf.Tensor, ...]
    """From the hidden layer to s and t of the half that moves, L times (K, H, 2 (D - d))."""

    biases: tuple[tf.Tensor, ...]
    """Added to s and t, L times (K, 1, 2 (D - d))."""

    bound: float
    """Largest absolute log-scale s."""


def forward(couplings: Couplings, latent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The transformation x = f(z).

    Returns:
        x (K, n, B, D) and log |det dx/dz| (K, n, B).
    """
    point, log_det = latent, 0.0
    for layer, context in enumerate(_layer_contexts(couplings)):
        passed, moved = _halves(point, layer)
        log_scale, shift = _scale_and_shift(couplings, layer, context, passed)
        point = _joined(passed, moved * tf.exp(log_scale) + shift, layer)
        log_det += tf.reduce_sum(log_scale, axis=-1)
    return point, log_det


def inverse(couplings: Couplings, point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The transformation z = f⁻¹(x).

    Returns:
        z (K, n, B, D) and log |det dz/dx| (K, n, B).
    """
    latent, log_det = point, 0.0
    for layer, context in reversed(list(enumerate(_layer_contexts(couplings)))):
        passed, moved = _halves(latent, layer)
        log_scale, shift = _scale_and_shift(couplings, layer, context, passed)
        latent = _joined(passed, (moved - shift) * tf.exp(-log_scale), layer)
        log_det -= tf.reduce_sum(log_scale, axis=-1)
    return latent, log_det


def _layer_contexts(couplings: Couplings) -> list[tf.Tensor]:
    """One (K, 1, B, H) per layer."""
    context = tf.transpose(couplings.context, [1, 2, 0, 3])[:, :, None]
    return [context[layer] for layer in range(len(couplings.kernels))]


def _halves(point: tf.Tensor, layer: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The part that passes and the part that moves; they swap from one layer to the next."""
    first, second = point[..., : point.shape[-1] // 2], point[..., point.shape[-1] // 2 :]
    return (first, second) if layer % 2 == 0 else (second, first)


def _joined(passed: tf.Tensor, moved: tf.Tensor, layer: int) -> tf.Tensor:
    if passed.shape[0] == 1:
        passed = tf.repeat(passed, moved.shape[0], axis=0)
    return tf.concat([passed, moved] if layer % 2 == 0 else [moved, passed], axis=-1)


def _scale_and_shift(
    couplings: Couplings, layer: int, context: tf.Tensor, passed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Log-scale s and translation t of a layer, each (K, n, B, D - d)."""
    kernel, head = couplings.kernels[layer], couplings.heads[layer]
    components, width = kernel.shape[0], kernel.shape[-1]
    _, number, batch, size = tf.unstack(tf.shape(passed))
    rows = tf.matmul(tf.reshape(passed, [-1, number * batch, size]), kernel)
    hidden = tf.nn.relu(tf.reshape(rows, [components, number, batch, width]) + context)
    rows = tf.reshape(hidden, [components, number * batch, width])
    both = tf.reshape(tf.matmul(rows, head) + couplings.biases[layer], [components, number, batch, head.shape[-1]])
    log_scale, shift = tf.split(both, 2, axis=-1)
    return couplings.bound * tf.tanh(log_scale / couplings.bound), shift


class CouplingNets(keras.layers.Layer):
    """The networks s and t of K chains, conditioned on features of the observation; the identity at the start."""

    def __init__(self, event_size: int, components: int, config: DensityConfig, **kwargs: Any) -> None:
        """Declare the networks.

        Args:
            event_size: Dimensions of an action, D.
            components: Chains, K.
            config: Layers, width and bound.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.event_size, self.components, self.config = event_size, components, config
        self.context = keras.layers.Dense(config.couplings * components * config.hidden, name="context")
        self.kernels: list[Any] = []
        self.heads: list[Any] = []
        self.biases: list[Any] = []

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for features (B, C)."""
        self.context.build(input_shape)
        first, width = self.event_size // 2, self.config.hidden
        for layer in range(self.config.couplings):
            passed, moved = (first, self.event_size - first)[:: 1 if layer % 2 == 0 else -1]
            normal = keras.initializers.RandomNormal(stddev=passed**-0.5)
            self.kernels.append(self._weight(f"kernel_{layer}", (self.components, passed, width), normal))
            self.heads.append(self._weight(f"head_{layer}", (self.components, width, 2 * moved), "zeros"))
            self.biases.append(self._weight(f"bias_{layer}", (self.components, 1, 2 * moved), "zeros"))

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """The context (B, L, K, H) of features (B, C)."""
        shape = [-1, self.config.couplings, self.components, self.config.hidden]
        return tf.reshape(self.context(features), shape)

    def couplings(self, context: tf.Tensor) -> Couplings:
        """The transformations for observations with this context (B, L, K, H)."""
        kernels, heads, biases = (tuple(map(tf.convert_to_tensor, w)) for w in (self.kernels, self.heads, self.biases))
        return Couplings(context, kernels, heads, biases, self.config.log_scale_bound)
