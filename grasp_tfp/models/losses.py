"""What the networks minimise (Section IV-B)."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from grasp_tfp.config import NUM_SAMPLES
from grasp_tfp.models.mixture import ComponentMixture

__all__ = ["negative_log_likelihood", "on_policy_loss"]


def negative_log_likelihood(density: tfd.Distribution, action: tf.Tensor, reward: tf.Tensor | None = None) -> tf.Tensor:
    """The loss -E[r log π(a|s)] of Section IV-B.

    Args:
        density: π(·|s) of a batch of observations, batch shape (B,).
        action: What was done, (B, D).
        reward: r, 1 for a success and 0 for a failure, (B,); None if all are successes.
    """
    log_prob = density.log_prob(action)
    return -tf.reduce_mean(log_prob if reward is None else tf.cast(reward, log_prob.dtype) * log_prob)


def on_policy_loss(
    density: ComponentMixture,
    action: tf.Tensor,
    reward: tf.Tensor,
    alpha: float,
    seed: tf.Tensor,
    num_samples: int = NUM_SAMPLES,
) -> tf.Tensor:
    """The loss -E[r log π(a|s)] + α E[log π(a|s), a ~ π] of Section IV-B, with maximum-entropy regularisation.

    It leads to π ∝ exp(r/α) only where the actions come from π itself, or follow it closely.

    Args:
        density: π(·|s) of a batch of observations, batch shape (B,).
        action: What was done, (B, D).
        reward: r, (B,).
        alpha: Weight of the entropy.
        seed: int32, (2,), of the stratified estimate of the entropy.
        num_samples: Samples of that estimate from each component.
    """
    entropy = density.entropy(seed=seed, num_samples=num_samples)
    return negative_log_likelihood(density, action, reward) - alpha * tf.reduce_mean(entropy)
