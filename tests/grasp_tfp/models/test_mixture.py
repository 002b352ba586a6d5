"""Samples from given noise follow the density, and depend on nothing else."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import Config
from grasp_tfp.models.actor import DENSITIES, build_actor

family = pytest.mark.parametrize("density", list(DENSITIES))


def noise(batch: int, number: int, seed: int = 0) -> NDArray[np.float32]:
    """(B, n, 5)."""
    rng = np.random.default_rng(seed)
    normal, uniform = rng.standard_normal((batch, number, 4)), rng.random((batch, number, 1))
    return np.concatenate([normal, uniform], axis=-1).astype(np.float32)


def observation(batch: int) -> dict[str, NDArray[np.uint8]]:
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 16, 16, 3), dtype=np.uint8)[:, :batch]
    return {"image": images[0], "initial_image": images[1]}


@family
def test_samples_have_the_moments_of_those_of_the_density(small: Config, density: str) -> None:
    actor = build_actor(small, density)
    for variable in actor.head.trainable_variables:
        if "head_" in variable.path or "bias_" in variable.path:
            variable.assign(tf.random.stateless_normal(variable.shape, (1, 2), stddev=0.2))
    distribution = actor.head.distribution(actor(observation(2)))
    given = np.transpose(noise(2, 20_000), [1, 0, 2])
    ours, theirs = distribution.transform(tf.constant(given)), distribution.sample(20_000, seed=(3, 4))
    np.testing.assert_allclose(np.mean(ours, axis=0), np.mean(theirs, axis=0), atol=0.05)
    np.testing.assert_allclose(np.std(ours, axis=0), np.std(theirs, axis=0), rtol=0.05)
    assert np.mean(distribution.log_prob(ours)) == pytest.approx(np.mean(distribution.log_prob(theirs)), abs=0.05)


@family
def test_one_observation_is_answered_alone_as_in_a_batch(small: Config, density: str) -> None:
    actor, given = build_actor(small, density), noise(3, 16)
    actions, log_probs = actor.act(observation(3), given)
    alone, log_alone = actor.act({k: v[2:] for k, v in observation(3).items()}, given[2:])
    np.testing.assert_allclose(actions[2:], alone, atol=1e-5)
    np.testing.assert_allclose(log_probs[2:], log_alone, atol=1e-4)
    np.testing.assert_allclose(actor.log_prob(observation(3), actions), log_probs, atol=1e-4)
    assert (np.abs(actions[..., 3]) <= np.pi / 2).all()
