"""Samples as a function of given noise: no random generator inside, so a batch is answered as its members are."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from grasp_tfp.models.coupling import forward
from grasp_tfp.models.mof import MixtureOfFlows

__all__ = ["transform_noise"]


def transform_noise(density: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
    """Samples (n, B, D) of a mixture of Gaussians, bent by flows or not.

    Args:
        density: Batch shape (B,), event shape (D,), as the heads build it.
        noise: (n, B, D + 1), D standard normal numbers, and a uniform one in [0, 1) that chooses the component.
    """
    normal, uniform = noise[..., :-1], noise[..., -1:]
    if isinstance(density, MixtureOfFlows):
        logits, loc, scale = density.logits, density.loc, density.scale
    else:
        logits = density.mixture_distribution.logits_parameter()
        loc, scale = density.components_distribution.mean(), density.components_distribution.stddev()
    points = tf.transpose(loc, [1, 0, 2])[:, None] + tf.transpose(scale, [1, 0, 2])[:, None] * normal
    if isinstance(density, MixtureOfFlows):
        points, _ = forward(density.couplings, points)
    below = tf.cumsum(tf.nn.softmax(logits), axis=-1)[..., :-1] <= uniform
    choice = tf.reduce_sum(tf.cast(below, tf.int32), axis=-1)
    return tf.gather(tf.transpose(points, [1, 2, 0, 3]), choice, batch_dims=2)
