"""The losses of Section IV-B."""

import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from grasp_tfp.models.losses import negative_log_likelihood


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
