"""The critic values actions in metres and radians, the same way before and after its export."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import Config, CriticConfig
from grasp_tfp.errors import BundleRejected, UsageError
from grasp_tfp.models.bundle import export, in_memory, load
from grasp_tfp.models.critic import Critic, build_critic

MERGES = ("late", "map")
STATISTICS = ([0.01, -0.02, -0.14, 0.0], [0.09, 0.09, 0.04, 0.9])

merges = pytest.mark.parametrize("merge", MERGES)


def config(small: Config, merge: str, **train: Any) -> Config:
    """The small network with this merge."""
    critic = CriticConfig(merge=merge, merge_layer=3, glances=2, hidden=(16, 8))
    return dataclasses.replace(small, critic=critic, train=dataclasses.replace(small.train, **train))


def inputs(batch: int = 2) -> dict[str, Any]:
    """Random images, poses and actions."""
    rng = np.random.default_rng(batch)
    images = rng.integers(0, 256, (2, batch, 16, 16, 3), dtype=np.uint8)
    pose = rng.normal(size=(batch, 4)).astype(np.float32) * 0.1
    return {"image": images[0], "initial_image": images[1], "gripper_pose": pose, "action": actions(batch, 1)[:, 0]}


def actions(batch: int, number: int) -> NDArray[np.float32]:
    """Random actions (B, n, 4)."""
    mean, std = STATISTICS
    drawn = np.random.default_rng(number).uniform(-1.5, 1.5, (batch, number, 4))
    return np.asarray(drawn * std + mean, np.float32)


def built(small: Config, merge: str, failures_kept: float = 1.0, **train: Any) -> Critic:
    """A critic with statistics of its own."""
    critic = build_critic(config(small, merge, **train), failures_kept)
    critic.set_action_statistics(*STATISTICS)
    critic.set_pose_statistics([0.55, 0.0, 0.15, 0.0], [0.05, 0.05, 0.04, 0.9])
    return critic


@merges
def test_value_agrees_with_call_for_any_number_of_actions(small: Config, merge: str) -> None:
    critic, given = built(small, merge), inputs(3)
    seen, many = critic.encode(given), actions(3, 7)
    values = critic.value(seen, tf.constant(many))
    assert values.shape == (3, 7) and ((0 < values.numpy()) & (values.numpy() < 1)).all()
    for number in (0, 6):
        one = critic(given | {"action": many[:, number]}, training=False)["logit"]
        np.testing.assert_allclose(values[:, number], tf.sigmoid(one), atol=1e-6)


@merges
def test_half_a_turn_and_the_height_make_no_difference(small: Config, merge: str) -> None:
    critic, many = built(small, merge), actions(2, 5)
    seen = critic.encode(inputs())
    value = critic.value(seen, many)
    turned, deeper, moved = (many + np.array(offset, np.float32) for offset in
                             ([0, 0, 0, np.pi], [0, 0, 0.1, 0], [0.05, 0, 0, 0.3]))  # fmt: skip
    np.testing.assert_allclose(critic.value(seen, turned), value, atol=1e-5)
    np.testing.assert_allclose(critic.value(seen, deeper), value, atol=1e-6)
    assert np.abs(critic.value(seen, moved) - value).max() > 1e-6


@merges
def test_every_weight_learns(small: Config, merge: str) -> None:
    critic, given = built(small, merge, pose_loss=0.3), inputs(4)
    with tf.GradientTape() as tape:
        loss = critic.compute_loss(given, tf.constant([1.0, 0.0, 1.0, 0.0]), critic(given))
    gradients = tape.gradient(loss, critic.trainable_variables)
    still = [
        variable.path
        for variable, gradient in zip(critic.trainable_variables, gradients, strict=True)
        if gradient is None or not np.abs(gradient).max() > 0
    ]
    assert still == []


@merges
def test_failures_left_out_are_put_back(small: Config, merge: str) -> None:
    all_kept, few_kept = built(small, merge), built(small, merge, failures_kept=0.1)
    few_kept.set_weights(all_kept.get_weights())
    few_kept.failures_kept.assign(0.1)
    many = actions(2, 4)
    odds = [value / (1 - value) for value in (np.asarray(c.value(c.encode(inputs()), many)) for c in
                                              (all_kept, few_kept))]  # fmt: skip
    np.testing.assert_allclose(odds[1], odds[0] * 0.1, rtol=1e-4)


@merges
def test_fit_tells_good_actions_from_bad_ones(small: Config, merge: str) -> None:
    critic = built(small, merge, pose_loss=0.1)
    given = inputs(1)
    rng = np.random.default_rng(0)
    places = rng.uniform(-0.1, 0.1, (256, 4)).astype(np.float32)
    success = (places[:, 0] > 0).astype(np.float32)
    same = {name: np.repeat(given[name], 256, axis=0) for name in ("image", "initial_image", "gripper_pose")}
    critic.compile(optimizer=tf.keras.optimizers.Adam(0.01), jit_compile=False)
    critic.fit(same | {"action": places}, success, batch_size=32, epochs=25, verbose=0)
    found = critic.evaluate(same | {"action": places}, success, verbose=0, return_dict=True)
    assert found["bce"] < 0.45 and found["auc"] > 0.9


@merges
def test_the_bundle_values_as_the_critic_does(small: Config, merge: str, tmp_path: Path) -> None:
    critic = built(small, merge, failures_kept=0.25)
    bundle = export(critic, tmp_path / "bundle", {"cell": {"camera": 1}})
    given, many = inputs(3), actions(3, 64)
    expected = critic.value(critic.encode(given), many)
    for same in (bundle, load(tmp_path / "bundle", "critic"), in_memory(critic)):
        values = same.value(same.encode(given["image"], given["initial_image"]), many)
        np.testing.assert_allclose(values, expected, atol=1e-5)
        assert same.roles == ("critic",) and same.manifest["failures_kept"] == pytest.approx(0.25)
    with pytest.raises(BundleRejected, match="expected actor, received critic"):
        load(tmp_path / "bundle", "actor")


@merges
def test_the_seed_decides_the_weights(small: Config, merge: str) -> None:
    first, same, other = (build_critic(config(small, merge, seed=seed)).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(
    ("critic", "phrase"),
    [
        ({"merge": "mpa"}, "Did you mean 'map'"),
        ({"glances": 0}, "critic.glances: expected above 0"),
        ({"merge_layer": 8}, "critic.merge_layer: expected at most 7"),
    ],
)
def test_impossible_critics_are_refused(critic: dict[str, Any], phrase: str) -> None:
    with pytest.raises(UsageError, match=phrase):
        Config.from_dict({"critic": critic})
