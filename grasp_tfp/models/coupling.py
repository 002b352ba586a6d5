"""Affine coupling layers (Section IV-A b), for K independent Real NVP transformations at once.

Points have shape (K, n, B, D): K transformations, n points for each of B observations, D action dimensions.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.mixture import pick

__all__ = ["Chains", "CouplingNets", "Couplings", "forward", "inverse"]


class Chains(NamedTuple):
    """K chains of L coupling layers; the networks s and t of a layer share their hidden layer of H units."""

    contexts: tuple[tf.Tensor, ...]
    """What the observations add to the hidden layers, L times (K, 1, B, H)."""

    kernels: tuple[tf.Tensor, ...]
    """From the half that passes to the hidden layer, L times (K, d, H)."""

    heads: tuple[tf.Tensor, ...]
    """From the hidden layer to s and t of the half that moves, L times (K, H, 2 (D - d))."""

    biases: tuple[tf.Tensor, ...]
    """Added to s and t, L times (K, 1, 2 (D - d))."""

    bound: float
    """Largest absolute log-scale s."""


class Couplings(NamedTuple):
    """What chains are made of for B observations: either all K of them, or those that a sample needs."""

    features: tf.Tensor
    """Of the observations, (B, C)."""

    context_kernel: tf.Tensor
    """From the features to what is added to the hidden layers, (C, L, K, H)."""

    context_bias: tf.Tensor
    """Added to that, (L, K, H)."""

    kernels: tuple[tf.Tensor, ...]
    heads: tuple[tf.Tensor, ...]
    biases: tuple[tf.Tensor, ...]
    bound: float
    """As those of the chains."""

    def all(self) -> Chains:
        """The K chains; their contexts come out of the product in the order in which they are needed."""
        kernel = tf.unstack(tf.transpose(self.context_kernel, [1, 2, 0, 3]))
        pairs = zip(kernel, tf.unstack(self.context_bias[:, :, None]), strict=True)
        contexts = tuple((tf.matmul(self.features[None], weight) + bias)[:, None] for weight, bias in pairs)
        return Chains(contexts, self.kernels, self.heads, self.biases, self.bound)

    def of(self, component: tf.Tensor) -> Chains:
        """Chains of the components (n, B), as if each were one of n B components with an observation of its own."""
        size, layers, components, width = self.context_kernel.shape
        context = tf.matmul(self.features, tf.reshape(self.context_kernel, [size, layers * components * width]))
        context = tf.reshape(context, [-1, layers, components, width]) + self.context_bias
        contexts = [tf.reshape(pick(context[:, layer], component), [-1, 1, 1, width]) for layer in range(layers)]
        chosen = tf.reshape(component, [-1])
        kernels, heads, biases = (
            tuple(tf.gather(weight, chosen) for weight in weights)
            for weights in (self.kernels, self.heads, self.biases)
        )
        return Chains(tuple(contexts), kernels, heads, biases, self.bound)


def forward(chains: Chains, latent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The transformation x = f(z).

    Returns:
        x (K, n, B, D) and log |det dx/dz| (K, n, B).
    """
    point, log_det = latent, 0.0
    for layer in range(len(chains.kernels)):
        passed, moved = _halves(point, layer)
        log_scale, shift = _scale_and_shift(chains, layer, passed)
        point = _joined(passed, moved * tf.exp(log_scale) + shift, layer)
        log_det += tf.reduce_sum(log_scale, axis=-1)
    return point, log_det


def inverse(chains: Chains, point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The transformation z = f⁻¹(x), of points (K, n, B, D), or (1, n, B, D) for all K chains.

    Returns:
        z (K, n, B, D) and log |det dz/dx| (K, n, B).
    """
    latent, log_det = point, 0.0
    for layer in reversed(range(len(chains.kernels))):
        passed, moved = _halves(latent, layer)
        log_scale, shift = _scale_and_shift(chains, layer, passed)
        latent = _joined(passed, (moved - shift) * tf.exp(-log_scale), layer)
        log_det -= tf.reduce_sum(log_scale, axis=-1)
    return latent, log_det


def _halves(point: tf.Tensor, layer: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The part that passes and the part that moves; they swap from one layer to the next."""
    first, second = point[..., : point.shape[-1] // 2], point[..., point.shape[-1] // 2 :]
    return (first, second) if layer % 2 == 0 else (second, first)


def _joined(passed: tf.Tensor, moved: tf.Tensor, layer: int) -> tf.Tensor:
    if passed.shape[0] == 1:
        passed = tf.repeat(passed, tf.shape(moved)[0], axis=0)
    return tf.concat([passed, moved] if layer % 2 == 0 else [moved, passed], axis=-1)


def _scale_and_shift(chains: Chains, layer: int, passed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Log-scale s and translation t of a layer, each (K, n, B, D - d)."""
    hidden = tf.nn.relu(_product(passed, chains.kernels[layer]) + chains.contexts[layer])
    both = _product(hidden, chains.heads[layer]) + chains.biases[layer][:, None]
    log_scale, shift = tf.split(both, 2, axis=-1)
    return chains.bound * tf.tanh(log_scale / chains.bound), shift


def _product(rows: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """(K, n, B, d) or (1, n, B, d) times (K, d, H), as (K, n, B, H)."""
    if rows.shape[1:3] == (1, 1):  # a product of many small matrices takes longer than what it consists of
        return tf.reduce_sum(rows[..., None] * weight[:, None, None], axis=-2)
    number, batch, size = tf.unstack(tf.shape(rows)[1:])
    product = tf.matmul(tf.reshape(rows, [-1, number * batch, size]), weight)
    return tf.reshape(product, [weight.shape[0], number, batch, weight.shape[-1]])


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

    def couplings(self, features: tf.Tensor) -> Couplings:
        """What transforms the actions for observations with these features (B, C)."""
        shape = [self.config.couplings, self.components, self.config.hidden]
        kernels, heads, biases = (tuple(map(tf.convert_to_tensor, w)) for w in (self.kernels, self.heads, self.biases))
        return Couplings(
            features,
            context_kernel=tf.reshape(self.context.kernel, [-1, *shape]),
            context_bias=tf.reshape(self.context.bias, shape),
            kernels=kernels,
            heads=heads,
            biases=biases,
            bound=self.config.log_scale_bound,
        )
