"""A bundle acts like the actor it came from, and is rejected when anything about it has changed."""

import dataclasses
import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.config import NUM_SAMPLES, Config, CriticConfig
from grasp_tfp.errors import BundleRejected, GraspError, UsageError
from grasp_tfp.models.actor import Actor, build_actor
from grasp_tfp.models.bundle import _digest, copy_weights, export, load
from grasp_tfp.models.critic import build_critic
from grasp_tfp.models.joint import build_joint
from grasp_tfp.models.network import GraspNetwork

CARD = {"camera": {"eye": [0.0, 0.0, 1.0]}, "training": {"trials": 7}}


@pytest.fixture(scope="module")
def actor(small: Config) -> Actor:
    """An actor with statistics of its own."""
    actor = build_actor(small, "mof")
    actor.set_action_statistics([0.0, 0.01, -0.14, 0.0], [0.09, 0.09, 0.04, 0.9])
    return actor


@pytest.fixture(scope="module")
def exported(actor: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle; copy it before changing it."""
    path: Path = tmp_path_factory.mktemp("bundles") / "policy-1"
    export(actor, path, CARD)
    return path


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    """A bundle to spoil."""
    return Path(shutil.copytree(exported, tmp_path / "bundle"))


def images(batch: int) -> Any:
    """A current and an initial image, (2, B, 16, 16, 3)."""
    return np.random.default_rng(batch).integers(0, 256, (2, batch, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("batch", [1, 3])
def test_acts_like_the_actor(actor: Actor, exported: Path, batch: int) -> None:
    policy, (image, initial_image) = load(exported), images(batch)
    observation = {"image": image, "initial_image": initial_image}
    noise = np.random.default_rng(1).uniform(size=(batch, NUM_SAMPLES, 5)).astype(np.float32)
    samples, log_prob = policy.act(image, initial_image, noise)
    expected, expected_log_prob = actor.act(observation, tf.constant(noise))
    assert samples.shape == (batch, NUM_SAMPLES, 4) and log_prob.shape == (batch, NUM_SAMPLES)
    np.testing.assert_allclose(samples, expected, atol=1e-5)
    np.testing.assert_allclose(log_prob, expected_log_prob, atol=1e-3)
    np.testing.assert_allclose(policy.log_prob(image, initial_image, samples), log_prob, atol=1e-3)


NETWORKS: dict[str, Callable[[Config], GraspNetwork]] = {
    "actor": functools.partial(build_actor, density="mof"),
    "critic, late merge": lambda config: build_critic(merging(config, "late")),
    "critic, map merge": lambda config: build_critic(merging(config, "map")),
    "joint": functools.partial(build_joint, density="mof"),
}


def merging(config: Config, merge: str) -> Config:
    return dataclasses.replace(config, critic=CriticConfig(merge=merge, merge_layer=2, glances=2, hidden=(8, 8)))


@pytest.mark.parametrize("kind", NETWORKS)
def test_another_network_goes_on_from_its_weights(kind: str, small: Config, tmp_path: Path) -> None:
    first, other = (NETWORKS[kind](small) for _ in range(2))
    first.set_action_statistics([0.0, 0.01, -0.14, 0.0], [0.09, 0.09, 0.04, 0.9])
    for number, weight in enumerate(first.trainable_weights):
        weight.assign_add(tf.fill(weight.shape, 0.001 * number))
    copy_weights(export(first, tmp_path / "bundle", CARD), other)
    for one, two in zip(first.weights, other.weights, strict=True):
        if not one.path.startswith("seed_generator"):
            np.testing.assert_array_equal(one, two, err_msg=one.path)


@pytest.mark.parametrize(
    ("kind", "components", "expected", "found"),
    [
        ("gmm", 3, "gmm/…/action_mean of shape (4,)", "mof/…/action_mean of shape (4,)"),
        ("mof", 2, "mof/…/kernel of shape (8, 2)", "mof/…/kernel of shape (8, 3)"),
    ],
)
def test_weights_of_another_network_are_refused_and_nothing_changed(
    exported: Path, small: Config, kind: str, components: int, expected: str, found: str
) -> None:
    density = dataclasses.replace(small.density, components=components)
    other = build_actor(dataclasses.replace(small, density=density), kind)
    before = other.get_weights()
    with pytest.raises(UsageError) as refused:
        copy_weights(load(exported), other)
    assert f"expected {expected}, found {found}. " in str(refused.value)
    for was, now in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_manifest_tells_what_it_is(actor: Actor, exported: Path) -> None:
    manifest = load(exported).manifest
    assert manifest["model"] == "mof" and manifest["roles"] == ["actor"] and manifest["image_size"] == 16
    assert Config.from_dict(manifest["config"]) == actor.config
    assert manifest["action_std"] == pytest.approx([0.09, 0.09, 0.04, 0.9])
    assert manifest["camera"] == CARD["camera"] and manifest["training"] == CARD["training"]
    assert set(manifest["files"]) >= {"policy/saved_model.pb", "policy/variables/variables.index"}


def test_leaves_nothing_but_the_bundle(exported: Path) -> None:
    assert [file.name for file in exported.parent.iterdir()] == [exported.name]


def test_does_not_overwrite(actor: Actor, exported: Path) -> None:
    with pytest.raises(GraspError, match="it exists already"):
        export(actor, exported, CARD)


def flip_a_bit(bundle: Path) -> None:
    """Alter one weight."""
    file = next((bundle / "policy/variables").glob("variables.data*"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def change_manifest(bundle: Path, change: Callable[[Any], None], sign: bool = True) -> None:
    """Change what the manifest says and, with `sign`, its digest too."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    change(manifest)
    if sign:
        manifest["digest"] = _digest(manifest)
    (bundle / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (flip_a_bit, "variables.data-00000-of-00001 is altered"),
        (lambda bundle: (bundle / "policy/saved_model.pb").unlink(), "policy/saved_model.pb is missing"),
        (lambda bundle: (bundle / "policy/extra.so").write_bytes(b"x"), "policy/extra.so is surplus"),
        (lambda bundle: (bundle / "policy/link").symlink_to("/nowhere"), "policy/link is surplus"),
        (lambda bundle: (bundle / "manifest.json").unlink(), "is no bundle"),
        (lambda bundle: (bundle / "manifest.json").write_text("{"), "Cannot read"),
        (lambda bundle: (bundle / "manifest.json").write_text("[]"), "Cannot read"),
        (lambda bundle: (bundle / "manifest.json").write_bytes(b"\xff"), "Cannot read"),
        (lambda bundle: change_manifest(bundle, lambda m: m.update(model="gmm"), sign=False), "was altered"),
        (lambda bundle: change_manifest(bundle, lambda m: m.update(format_version=1)), "format version 1: expected 2"),
        (lambda bundle: change_manifest(bundle, lambda m: m["golden"].update(seed=1)), "does not reproduce"),
    ],
)
def test_rejects_a_spoilt_bundle(bundle: Path, spoil: Callable[[Path], object], reason: str) -> None:
    spoil(bundle)
    with pytest.raises(BundleRejected, match=reason) as error:
        load(bundle)
    assert "\n" not in str(error.value)
