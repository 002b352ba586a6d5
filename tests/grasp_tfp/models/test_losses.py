"""The losses of Section IV-B."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from grasp_tfp.models.gmm import GaussianMixture
from grasp_tfp.models.losses import negative_log_likelihood, on_policy_loss


@pytest.mark.parametrize(
    ("reward", "expected"),
    [(None, (0.5 + 2.0) / 2), ([1.0, 1.0], (0.5 + 2.0) / 2), ([1.0, 0.0], 0.5 / 2), ([0.0, 1.0], 2.0 / 2)],
)
def test_negative_log_likelihood(reward: list[float] | None, expected: float) -> None:
    density = tfd.Exponential([[1.0], [1.0]])
    action = tf.constant([[0.5], [2.0]])
    weights = None if reward is None else tf.constant(reward)
    loss = negative_log_likelihood(tfd.Independent(density, 1), action, weights)
    assert float(loss) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_on_policy_loss_subtracts_the_entropy(alpha: float) -> None:
    logits, spread = tf.constant([[1.0, 1.0], [0.0, 3.0]]), 0.01
    apart = tf.constant([[[0.0, 0.0], [5.0, 5.0]]] * 2)
    density, action = GaussianMixture(logits, apart, tf.fill([2, 2, 2], spread)), tf.constant([[0.0, 0.0], [5.0, 5.0]])
    weights = np.array([[0.5, 0.5], scipy.special.softmax([0.0, 3.0])])
    gaussian = np.log(2 * np.pi * np.e * spread**2)
    entropy = gaussian - np.sum(weights * np.log(weights), axis=1)
    expected = negative_log_likelihood(density, action, tf.constant([1.0, 0.0])) - alpha * entropy.mean()
    loss = on_policy_loss(density, action, tf.constant([1.0, 0.0]), alpha, tf.constant([1, 2]), num_samples=2000)
    assert float(loss) == pytest.approx(float(expected), abs=0.02)


def test_entropy_has_the_gradient_of_the_weights() -> None:
    """A plain sample's log-density would have none: which component it came from cannot be differentiated."""
    logits, apart = tf.Variable([[0.0, 1.0, -1.0]]), tf.constant([[[0.0, 0.0], [5.0, 5.0], [0.0, 5.0]]])
    with tf.GradientTape(persistent=True) as tape:
        density = GaussianMixture(tf.convert_to_tensor(logits), apart, tf.fill([1, 3, 2], 0.1))
        entropy = density.entropy(seed=tf.constant([1, 2]), num_samples=2000)
        weights = tf.nn.softmax(logits)
        exact = -tf.reduce_sum(weights * tf.math.log(weights))
    np.testing.assert_allclose(tape.gradient(entropy, logits), tape.gradient(exact, logits), atol=0.02)
