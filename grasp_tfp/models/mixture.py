"""What every density is (Section IV-A): a mixture of components that are all computed at once.

Points have shape (K, n, B, D): K components, n points for each of B observations, D action dimensions.
"""

import abc
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from grasp_tfp.config import NUM_SAMPLES

__all__ = ["ComponentMixture", "pick"]


class ComponentMixture(tfd.Distribution):
    """A density Σₖ wₖ pₖ(x), batch shape (B,), event shape (D,).

    It holds tensors only: build it afresh from a network's outputs. Its samples carry no gradient of the weights;
    those of `sample_components` carry that of everything else.
    """

    def __init__(self, logits: tf.Tensor, event_size: int, name: str) -> None:
        """Weigh components.

        Args:
            logits: Unnormalised log-weights of the components, (B, K).
            event_size: Dimensions of an action, D.
            name: Name of the distribution.
        """
        self.logits, self.event_size = logits, event_size
        super().__init__(
            dtype=logits.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            name=name,
        )

    @abc.abstractmethod
    def sample_components(self, num_samples: int, seed: tf.Tensor) -> tf.Tensor:
        """Points (K, num_samples, B, D) from every component, differentiable in all its parameters."""

    @abc.abstractmethod
    def transform_chosen(self, component: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Points (n, B, D), one from each of the components (n, B) that are named; no other is computed.

        Args:
            component: Number of the component of each point.
            noise: The standard normal numbers that they come from, (n, B, D).
        """

    @abc.abstractmethod
    def component_log_prob(self, point: tf.Tensor) -> tf.Tensor:
        """Log-density (K, n, B) of each component at points (K, n, B, D), or at (1, n, B, D) for all of them."""

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        batch = tf.shape(self.logits)[0]
        shape = tf.broadcast_dynamic_shape(tf.shape(value), tf.stack([batch, self.event_size]))
        point = tf.reshape(tf.broadcast_to(value, shape), [1, -1, batch, self.event_size])
        log_weights = tf.transpose(tf.nn.log_softmax(self.logits))[:, None]
        return tf.reshape(tf.reduce_logsumexp(self.component_log_prob(point) + log_weights, axis=0), shape[:-1])

    def _sample_n(self, num_samples: int, seed: Any = None) -> tf.Tensor:
        points_seed, choice_seed = tf.unstack(tfp.random.split_seed(seed, n=2))
        if self.logits.shape[-1] == 1:
            return self.sample_components(num_samples, points_seed)[0]
        shape = tf.concat([[num_samples], tf.shape(self.logits)], axis=0)
        uniform = tf.random.stateless_uniform(shape, choice_seed, minval=1e-20, dtype=self.dtype)
        chosen = tf.argmax(self.logits - tf.math.log(-tf.math.log(uniform)), axis=-1, output_type=tf.int32)
        noise = tf.random.stateless_normal(
            [*tf.unstack(tf.shape(chosen)), self.event_size], points_seed, dtype=self.dtype
        )
        return self.transform_chosen(chosen, noise)

    def transform(self, noise: tf.Tensor) -> tf.Tensor:
        """Samples (n, B, D) without a random generator, so that a batch is answered as its members are.

        Args:
            noise: (n, B, D + 1), D standard normal numbers, and a uniform one in [0, 1) that chooses the component.
        """
        below = tf.cumsum(tf.nn.softmax(self.logits), axis=-1)[..., :-1] <= noise[..., -1:]
        return self.transform_chosen(tf.reduce_sum(tf.cast(below, tf.int32), axis=-1), noise[..., :-1])

    def _mode(self, seed: tf.Tensor, num_samples: int = NUM_SAMPLES) -> tf.Tensor:
        """The best (B, D) of some samples, as the actor chooses (Section VI-B)."""
        samples = self.sample(num_samples, seed=seed)
        best = tf.argmax(self.log_prob(samples), axis=0)
        return tf.gather(tf.transpose(samples, [1, 0, 2]), best, batch_dims=1)

    def _entropy(self, seed: tf.Tensor, num_samples: int = NUM_SAMPLES) -> tf.Tensor:
        """-Σₖ wₖ E[log π(a), a ~ pₖ], (B,): the expectations estimated, the weights and their gradient exact."""
        log_prob = self.log_prob(self.sample_components(num_samples, seed))
        means = tf.transpose(tf.reduce_mean(log_prob, axis=1))
        return -tf.reduce_sum(tf.nn.softmax(self.logits) * means, axis=-1)

    def _batch_shape(self) -> tf.TensorShape:
        return self.logits.shape[:1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.logits)[:1]

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([self.event_size])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([self.event_size])


def pick(parameter: tf.Tensor, component: tf.Tensor) -> tf.Tensor:
    """Of a parameter (B, K, ...), what belongs to the components (n, B), as (n, B, ...)."""
    batch, components = tf.unstack(tf.shape(parameter)[:2])
    rows = tf.reshape(parameter, tf.concat([[batch * components], tf.shape(parameter)[2:]], axis=0))
    return tf.gather(rows, component + components * tf.range(batch))
