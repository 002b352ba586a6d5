"""What every density family promises."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.actor import DENSITIES
from grasp_tfp.models.gmm import GaussianMixtureHead

CONFIG = DensityConfig(components=3, couplings=4, hidden=8)
BATCH, FEATURES = 3, 5
SEED = (3, 4)

family = pytest.mark.parametrize("name", list(DENSITIES))


def features(batch: int = BATCH) -> tf.Tensor:
    """Features (B, C) of some observations."""
    return tf.constant(np.random.default_rng(1).normal(size=(batch, FEATURES)), tf.float32)


def random_head(name: str, event_size: int) -> Any:
    """A head as it might be after training: no weight at its initial value."""
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    head = DENSITIES[name](event_size, CONFIG)
    head(features())
    for variable in head.trainable_variables:
        variable.assign_add(0.15 * rng.normal(size=variable.shape))
    return head


def density_of(head: Any, batch: int = BATCH) -> Any:
    """The density that a head predicts."""
    return head.distribution(head(features(batch)))


@family
@pytest.mark.parametrize("event_size", [2, 4, 5])
def test_shapes(name: str, event_size: int) -> None:
    density = density_of(random_head(name, event_size))
    assert density.batch_shape == (BATCH,) and density.event_shape == (event_size,)
    samples = density.sample(7, seed=SEED)
    assert samples.shape == (7, BATCH, event_size) and density.log_prob(samples).shape == (7, BATCH)
    assert density.sample(seed=SEED).shape == (BATCH, event_size)
    assert density.log_prob(tf.zeros([event_size])).shape == (BATCH,)
    assert density.log_prob(tf.zeros([2, 7, 1, event_size])).shape == (2, 7, BATCH)


@family
def test_log_prob_of_a_batch_is_that_of_each_observation(name: str) -> None:
    head = random_head(name, 4)
    value = tf.random.stateless_normal([BATCH, 4], SEED)
    together = density_of(head).log_prob(value)
    apart = [head.distribution(head(features()[i : i + 1])).log_prob(value[i : i + 1])[0] for i in range(BATCH)]
    np.testing.assert_allclose(together, apart, rtol=1e-5)


@family
def test_same_seed_same_samples(name: str) -> None:
    density = density_of(random_head(name, 4))
    np.testing.assert_array_equal(density.sample(9, seed=SEED), density.sample(9, seed=SEED))
    assert np.abs(density.sample(9, seed=SEED) - density.sample(9, seed=(5, 6))).min() > 0


@family
def test_every_weight_gets_a_gradient(name: str) -> None:
    head = random_head(name, 4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(density_of(head).log_prob(tf.random.stateless_normal([50, BATCH, 4], SEED)))
    gradients = tape.gradient(loss, head.trainable_variables)
    silent = [
        variable.path
        for variable, gradient in zip(head.trainable_variables, gradients, strict=True)
        if gradient is None or not np.abs(gradient).max() > 0
    ]
    assert head.trainable_variables and not silent


HALF_WIDTH, STEP = 25.0, 0.1


def mass_of_cells(density: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Probability (n, n) of small cells of a large square, by the midpoint rule."""
    axis = np.arange(-HALF_WIDTH + STEP / 2, HALF_WIDTH, STEP, dtype=np.float32)
    centres = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    log_prob = np.asarray(density.log_prob(centres.reshape(-1, 1, 2)), np.float64)
    return np.exp(log_prob).reshape(len(axis), len(axis)) * STEP**2


@family
def test_integrates_to_one(name: str) -> None:
    assert mass_of_cells(density_of(random_head(name, 2), batch=1)).sum() == pytest.approx(1.0, abs=0.01)


@family
def test_samples_follow_the_density(name: str) -> None:
    density, number, cells = density_of(random_head(name, 2), batch=1), 20_000, 50
    mass = mass_of_cells(density).reshape(cells, 10, cells, 10).sum(axis=(1, 3))
    x, y = density.sample(number, seed=SEED)[:, 0].numpy().T
    counts = np.histogram2d(x, y, bins=cells, range=[[-HALF_WIDTH, HALF_WIDTH]] * 2)[0]
    common = mass * number >= 5
    observed = np.append(counts[common], number - counts[common].sum())
    expected = np.append(mass[common], 1 - mass[common].sum()) * number
    assert common.sum() > 10 and scipy.stats.chisquare(observed, expected).pvalue > 1e-3


@family
def test_stays_finite_far_outside(name: str) -> None:
    head = random_head(name, 4)
    values = tf.constant([[0.0] * 4, [1e3] * 4, [-1e6, 1e6, 0.0, 1e4]])[:, None]
    with tf.GradientTape() as tape:
        log_prob = density_of(head).log_prob(values)
    gradients = tape.gradient(log_prob, head.trainable_variables)
    assert np.all(np.isfinite(log_prob)) and all(np.all(np.isfinite(gradient)) for gradient in gradients)


@family
@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_equals_eager(name: str, jit_compile: bool) -> None:
    head, value = random_head(name, 4), tf.random.stateless_normal([BATCH, 4], SEED)
    compiled = tf.function(lambda x: head.distribution(head(x)).log_prob(value), jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(features()), density_of(head).log_prob(value), rtol=1e-4)


@family
def test_loaded_weights_give_the_same_density(name: str, tmp_path: Path) -> None:
    saved, loaded = random_head(name, 4), DENSITIES[name](4, CONFIG)
    model = keras.Sequential([saved])
    model(features())
    model.save_weights(tmp_path / "head.weights.h5")
    other = keras.Sequential([loaded])
    other(features())
    other.load_weights(tmp_path / "head.weights.h5")
    value = tf.random.stateless_normal([BATCH, 4], SEED)
    np.testing.assert_array_equal(density_of(saved).log_prob(value), density_of(loaded).log_prob(value))


def test_centres_start_spread_around_the_mean_action() -> None:
    keras.utils.set_random_seed(0)
    head = GaussianMixtureHead(4, DensityConfig(components=64))
    centres = head(tf.zeros([1, 8]))["loc"].numpy()
    assert abs(centres.mean()) < 0.1
    assert 0.4 < centres.std() < 0.6
