"""What the networks minimise (Section IV-B)."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

__all__ = ["negative_log_likelihood"]


def negative_log_likelihood(density: tfd.Distribution, action: tf.Tensor, reward: tf.Tensor | None = None) -> tf.Tensor:
    """The loss -E[r log π(a|s)] of Section IV-B.

    Args:
        density: π(·|s) of a batch of observations, batch shape (B,).
        action: What was done, (B, D).
        reward: r, 1 for a success and 0 for a failure, (B,); None if all are successes.
    """
    log_prob = density.log_prob(action)
    return -tf.reduce_mean(log_prob if reward is None else tf.cast(reward, log_prob.dtype) * log_prob)
