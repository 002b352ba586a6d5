"""The coupling layers start harmless, stay bounded and keep apart; `test_densities.py` inverts them."""

import keras
import numpy as np
import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.coupling import Chains, CouplingNets, forward

COMPONENTS, BATCH, NUMBER = 3, 2, 5


def random_chains(event_size: int, spread: float = 0.15) -> Chains:
    """Transformations that are far from the identity."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(event_size)
    nets = CouplingNets(event_size, COMPONENTS, DensityConfig(hidden=16))
    nets.build((None, 7))
    for variable in nets.trainable_variables:
        variable.assign_add(spread * rng.normal(size=variable.shape))
    chains: Chains = nets.couplings(rng.normal(size=(BATCH, 7)).astype(np.float32)).all()
    return chains


def random_points(event_size: int) -> tf.Tensor:
    """Points of shape (K, n, B, D)."""
    shape = (COMPONENTS, NUMBER, BATCH, event_size)
    return tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


def test_starts_as_the_identity() -> None:
    nets = CouplingNets(4, COMPONENTS, DensityConfig())
    nets.build((None, 7))
    chains, latent = nets.couplings(tf.random.stateless_normal([BATCH, 7], [1, 2])).all(), random_points(4)
    point, log_det = forward(chains, latent)
    np.testing.assert_array_equal(point, latent)
    np.testing.assert_array_equal(log_det, np.zeros_like(log_det))


def test_components_do_not_touch_each_other() -> None:
    chains, latent = random_chains(4), random_points(4)
    kernels = tuple(tf.concat([kernel[:1] + 1.0, kernel[1:]], axis=0) for kernel in chains.kernels)
    before, after = forward(chains, latent)[0], forward(chains._replace(kernels=kernels), latent)[0]
    assert np.abs(after[0] - before[0]).max() > 1e-3
    np.testing.assert_array_equal(after[1:], before[1:])


def test_log_scale_is_bounded() -> None:
    chains = random_chains(4, spread=100.0)
    _, log_det = forward(chains, random_points(4))
    layers, moved = 4, 2
    assert np.abs(log_det).max() <= layers * moved * chains.bound
