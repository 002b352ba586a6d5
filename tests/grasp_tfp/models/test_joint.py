"""Actor and critic on one trunk learn together, and are two policies in one bundle."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.config import Config, CriticConfig
from grasp_tfp.errors import UsageError
from grasp_tfp.models.bundle import export, load
from grasp_tfp.models.joint import JointActorCritic, build_joint


@pytest.fixture
def joint(small: Config) -> Config:
    """The small network for both."""
    return dataclasses.replace(small, critic=CriticConfig(glances=2, hidden=(16, 8)))


def inputs(batch: int) -> dict[str, Any]:
    rng = np.random.default_rng(batch)
    images = rng.integers(0, 256, (2, batch, 16, 16, 3), dtype=np.uint8)
    numbers = rng.normal(size=(2, batch, 4)).astype(np.float32) * 0.1
    return {"image": images[0], "initial_image": images[1], "gripper_pose": numbers[0], "action": numbers[1]}


def test_every_weight_learns_and_the_reward_does_not(joint: Config) -> None:
    model, given = build_joint(joint, "mof", 0.5), inputs(6)
    trained_for(model, 0.25)
    success = tf.constant([1.0, 0, 1, 0, 0, 1])
    with tf.GradientTape(persistent=True) as tape:
        predicted = model(given)
        loss = model.compute_loss(given, success, predicted)
        bce = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(success, predicted["logit"]))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    last = model.critic.merge.logit.kernel
    np.testing.assert_allclose(tape.gradient(loss, last), tape.gradient(bce, last), atol=1e-6)


def test_one_bundle_acts_and_values(joint: Config, tmp_path: Path) -> None:
    model, given = build_joint(joint, "mof", 0.5), inputs(2)
    bundle = export(model, tmp_path / "bundle", {})
    assert load(tmp_path / "bundle", "actor").digest == load(tmp_path / "bundle", "critic").digest == bundle.digest
    noise = np.random.default_rng(0).uniform(size=(2, 5, 5)).astype(np.float32)
    images = given["image"], given["initial_image"]
    samples, _ = bundle.act(*images, noise)
    expected, _ = model.actor.act(given, noise)
    np.testing.assert_allclose(samples, expected, atol=1e-5)
    values = bundle.value(bundle.encode(*images), samples)
    np.testing.assert_allclose(values, model.critic.value(model.critic.encode(given), samples), atol=1e-5)
    assert bundle.manifest["model"] == "joint"


def trained_for(model: JointActorCritic, share: float) -> None:
    """Say how much of the training is over."""
    model.compile(optimizer=tf.keras.optimizers.SGD(0.0))
    model.optimizer.iterations.assign(int(share * model.config.train.steps))


def test_before_the_handover_the_recorded_reward_counts(joint: Config) -> None:
    model, given = build_joint(joint, "gmm"), inputs(4)
    trained_for(model, 0.0)
    predicted = model(given, training=False)
    success = tf.constant([0.0, 1, 0, 1])
    log_prob = model.actor.density_of(predicted).log_prob(given["action"])
    bce = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(success, predicted["logit"]))
    found = model.compute_loss(given, success, predicted) - bce - model.pose_error(given, predicted["gripper_pose"])
    assert float(found) == pytest.approx(-float(log_prob[1] + log_prob[3]) / 2, abs=1e-4)


def test_the_value_is_the_reward(joint: Config) -> None:
    model, given = build_joint(joint, "gmm"), inputs(4)
    trained_for(model, 0.5)
    predicted = model(given, training=False)
    certain = dict(predicted) | {"logit": tf.constant([30.0, -30, -30, -30])}
    same = dict(predicted) | {"logit": tf.constant([30.0, 30, 30, 30])}
    log_prob = model.actor.density_of(predicted).log_prob(given["action"])
    found = [float(model.compute_loss(given, tf.constant([1.0, 0, 0, 0]), logits)) for logits in (certain, same)]
    pose = float(model.pose_error(given, predicted["gripper_pose"]))
    assert found[0] - pose == pytest.approx(-float(log_prob[0]), abs=1e-3)
    assert found[1] - pose - 22.5 == pytest.approx(-float(tf.reduce_mean(log_prob)), abs=1e-3)


def test_a_map_cannot_be_shared(small: Config) -> None:
    with pytest.raises(UsageError, match="expected late"):
        build_joint(dataclasses.replace(small, critic=CriticConfig(merge="map", merge_layer=3)), "mof")
