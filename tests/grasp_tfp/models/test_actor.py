"""The actor learns, samples and scores grasps in metres and radians."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import ActionConfig, Config
from grasp_tfp.errors import UsageError
from grasp_tfp.models.actor import DENSITIES, Actor, build_actor
from grasp_tfp.models.bundle import export

MEAN, STD = [0.01, -0.02, -0.14, 0.0], [0.09, 0.09, 0.04, 0.9]
SEED = (1, 2)

family = pytest.mark.parametrize("density", list(DENSITIES))


def observation(batch: int = 2) -> dict[str, Any]:
    """Random images and poses."""
    rng = np.random.default_rng(batch)
    images = rng.integers(0, 256, (2, batch, 16, 16, 3), dtype=np.uint8)
    pose = (rng.normal(size=(batch, 4)) * 0.1 + [0.55, 0.0, 0.15, 0.0]).astype(np.float32)
    return {"image": images[0], "initial_image": images[1], "gripper_pose": pose}


def noise(number: int, size: int = 4, seed: int = 1) -> NDArray[np.float32]:
    """What the actor makes samples of for two observations, (2, n, size + 1)."""
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((2, number, size)), rng.random((2, number, 1))
    return np.concatenate(parts, axis=-1, dtype=np.float32)


def actions(batch: int) -> NDArray[np.float32]:
    """Random actions (B, 4)."""
    return (np.random.default_rng(batch).uniform(-1.5, 1.5, (batch, 4)) * STD + MEAN).astype(np.float32)


def quiet(config: Config, seed: int = 0, pose_loss: float = 0.0, noise: float = 0.0) -> Config:
    """Without label noise and other losses than the likelihood, unless asked for."""
    changed = dataclasses.replace(config.train, seed=seed, pose_loss=pose_loss, label_noise=(noise,) * 4)
    return dataclasses.replace(config, train=changed)


@family
def test_call_returns_plain_tensors(small: Config, density: str) -> None:
    actor = build_actor(small, density)
    parameters = actor(observation())
    assert all(isinstance(value, tf.Tensor) and value.shape[0] == 2 for value in parameters.values())
    assert actor.distribution(observation()).event_shape == (4,)


def test_unknown_density_is_named(small: Config) -> None:
    with pytest.raises(UsageError, match="Unknown density 'mfo'.*Did you mean 'mof'"):
        build_actor(small, "mfo")


@family
def test_seed_decides_the_weights(small: Config, density: str) -> None:
    first, same, other = (build_actor(quiet(small, seed=seed), density).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@family
def test_log_prob_is_in_real_units(small: Config, density: str) -> None:
    actor, whitened = build_actor(small, density), tf.random.stateless_normal([2, 4], SEED)
    before = actor.distribution(observation()).log_prob(whitened)
    actor.set_action_statistics(MEAN, STD)
    after = actor.distribution(observation()).log_prob(whitened * STD + MEAN)
    np.testing.assert_allclose(after, before - np.sum(np.log(STD)), rtol=1e-4)


@family
def test_act_samples_in_real_units(small: Config, density: str) -> None:
    actor = build_actor(small, density)
    actor.set_action_statistics(MEAN, STD)
    samples, log_prob = actor.act(observation(), noise(50))
    assert samples.shape == (2, 50, 4) and log_prob.shape == (2, 50)
    yaw = samples[..., 3].numpy()
    assert yaw.min() >= -math.pi / 2 and yaw.max() < math.pi / 2 and np.ptp(yaw) > 1.0
    np.testing.assert_array_equal(log_prob, actor.log_prob(observation(), samples))
    np.testing.assert_array_equal(samples, actor.act(observation(), noise(50))[0])
    assert not np.array_equal(samples, actor.act(observation(), noise(50, seed=3))[0])


def test_adapt_takes_the_statistics_of_the_data(small: Config) -> None:
    actor, seen, done = build_actor(small, "gmm"), observation(50), actions(50)
    actor.adapt(seen, done)
    np.testing.assert_allclose(actor.action_mean, done.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(actor.pose_std, seen["gripper_pose"].std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(actor.vision.mean[..., 3:], seen["initial_image"].mean(axis=0), rtol=1e-4)


def loss_of(actor: Actor, training: bool = True, reward: Any = None, turn: float = 0.0) -> float:
    """The loss of four examples, with the gripper turned."""
    actor.compile(optimizer="sgd")
    seen = observation(4)
    seen["gripper_pose"][:, 3] += turn
    return float(actor.compute_loss(seen, actions(4), actor(seen), sample_weight=reward, training=training))


def test_loss_is_the_likelihood_weighted_with_the_reward(small: Config) -> None:
    actor = build_actor(quiet(small), "mof")
    log_prob = actor.distribution(observation(4)).log_prob(actions(4)).numpy()
    assert loss_of(actor) == pytest.approx(-np.mean(log_prob), rel=1e-5)
    reward = np.array([1.0, 0.0, 0.0, 1.0])
    assert loss_of(actor, reward=reward) == pytest.approx(-np.mean(log_prob * reward), rel=1e-5)


def test_label_noise_only_in_training(small: Config) -> None:
    actor = build_actor(quiet(small, noise=0.1), "gmm")
    assert loss_of(actor, training=False) == loss_of(actor, training=False)
    assert loss_of(actor) != loss_of(actor, training=False)


def test_pose_loss_sees_the_jaw_as_the_same_after_half_a_turn(small: Config) -> None:
    actor = build_actor(quiet(small, pose_loss=1.0), "gmm")
    loss = loss_of(actor)
    assert loss > loss_of(build_actor(quiet(small), "gmm"))
    assert loss_of(actor, turn=math.pi) == pytest.approx(loss, rel=1e-5) != loss_of(actor, turn=math.pi / 2)


def test_fit_learns(small: Config) -> None:
    actor, seen, done = build_actor(small, "mof"), observation(32), actions(32)
    actor.adapt(seen, done)
    actor.compile(optimizer=keras.optimizers.Adam(3e-3))
    assert not actor.jit_compile
    history = actor.fit(
        seen, done, sample_weight=np.ones(32), epochs=30, verbose=0, validation_data=(seen, done)
    ).history
    assert history["nll"][-1] < history["nll"][0] - 0.5
    assert np.isfinite(history["val_nll"][-1]) and history["loss"][-1] >= history["nll"][-1]


def test_loaded_weights_give_the_same_density(small: Config, tmp_path: Path) -> None:
    actor, other = build_actor(small, "mof"), build_actor(quiet(small, seed=5), "mof")
    actor.set_action_statistics(MEAN, STD)
    actor.save_weights(tmp_path / "actor.weights.h5")
    other.load_weights(tmp_path / "actor.weights.h5")
    action = actions(2)[:, None]
    np.testing.assert_array_equal(other.log_prob(observation(), action), actor.log_prob(observation(), action))


def test_turns_that_are_declared_periodic_wrap_around(small: Config) -> None:
    actor = build_actor(dataclasses.replace(small, action=ActionConfig(yaw_period=2 * math.pi)), "mof")
    actor.set_action_statistics([0.0, 0.0, 0.0, 3.0], [1.0, 1.0, 1.0, 1.0])
    samples, log_prob = actor.act(observation(), noise(200))
    yaw = samples[..., 3].numpy()
    assert yaw.min() >= -math.pi and yaw.max() < math.pi and (np.abs(yaw) > math.pi / 2).any()
    turned = samples + [0.0, 0.0, 0.0, 2 * math.pi]
    np.testing.assert_allclose(actor.log_prob(observation(), turned), log_prob, atol=1e-3)
    grid = np.zeros((2, 2000, 4), np.float32)
    grid[..., 3] = np.linspace(-math.pi, math.pi, 2000, endpoint=False)
    rest = 3 * math.log(2 * math.pi) / 2
    conditional = np.exp(build_actor(actor.config, "real-nvp").log_prob(observation(), grid).numpy() + rest)
    np.testing.assert_allclose(conditional.sum(axis=1) * 2 * math.pi / 2000, np.ones(2), rtol=0.01)


@family
def test_six_degrees_of_freedom(small: Config, density: str, tmp_path: Path) -> None:
    config = quiet(dataclasses.replace(small, action=ActionConfig(size=6)), pose_loss=0.1)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, label_noise=(0.01,) * 6))
    actor, seen = build_actor(config, density), observation(32)
    rng = np.random.default_rng(3)
    ways = np.array([[1.2, -0.4, 0.3], [-0.2, 0.9, -1.5]])[rng.integers(2, size=32)]
    done = np.concatenate([rng.normal(0, 0.1, (32, 3)), ways + rng.normal(0, 0.05, (32, 3))], axis=1).astype(np.float32)
    actor.adapt(seen, done)
    actor.compile(optimizer=keras.optimizers.Adam(3e-3))
    history = actor.fit(seen, done, epochs=30, verbose=0).history
    assert history["nll"][-1] < history["nll"][0] - 0.5
    samples, log_prob = actor.act(observation(), noise(50, size=6))
    assert samples.shape == (2, 50, 6) and log_prob.shape == (2, 50)
    best = actor.distribution(observation()).mode(seed=SEED)
    assert np.linalg.norm(best[:, None, 3:] - np.unique(ways, axis=0), axis=-1).min(axis=1).max() < 1.5
    bundle = export(actor, tmp_path / "bundle", {})
    assert bundle.log_prob(seen["image"][:2], seen["initial_image"][:2], samples).shape == (2, 50)


def test_label_noise_of_another_size_is_refused(small: Config) -> None:
    with pytest.raises(UsageError, match="as many numbers as an action has: expected 6"):
        build_actor(dataclasses.replace(small, action=ActionConfig(size=6)), "gmm")
