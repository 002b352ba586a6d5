"""The image network finds where things are."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.config import PRESETS, Config
from grasp_tfp.models import bundle
from grasp_tfp.models.actor import build_actor
from grasp_tfp.models.vision import SpatialSoftmax, VisionNetwork
from grasp_tfp.training.off_policy import optimizer


def random_images(size: int, batch: int = 2) -> tf.Tensor:
    """uint8 images (B, S, S, 3)."""
    return tf.constant(np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8))


@pytest.mark.parametrize(("row", "column", "expected"), [(0, 0, (-1, -1)), (4, 8, (1, 0)), (2, 4, (0, -0.5))])
def test_spatial_softmax_returns_the_place_of_a_peak(row: int, column: int, expected: tuple[float, float]) -> None:
    maps, values = np.zeros((1, 9, 9, 1), np.float32), np.zeros((1, 9, 9, 2), np.float32)
    maps[0, row, column] = 10.0
    values[0, row, column] = [3.0, -7.0]
    points = SpatialSoftmax(temperature=5.0, ramp=0.0)(maps, values)
    np.testing.assert_allclose(points, [[*expected, 3.0, -7.0]], atol=1e-5)


def test_spatial_softmax_of_a_flat_map_is_the_centre() -> None:
    points = SpatialSoftmax(temperature=5.0, ramp=0.0)(tf.zeros([1, 6, 4, 2]), tf.zeros([1, 6, 4, 0]))
    np.testing.assert_allclose(points, np.zeros((1, 4)), atol=1e-6)


def test_ramp_breaks_the_tie_between_equal_peaks() -> None:
    layer = SpatialSoftmax(temperature=5.0, ramp=1.0)
    maps = np.zeros((1, 1, 5, 1), np.float32)
    maps[0, 0, [0, 4]] = 1.0
    layer(maps, maps[..., :0])
    layer.slope.assign([[6.0, 0.0]])
    np.testing.assert_allclose(layer(maps, maps[..., :0])[0, 0], 1.0, atol=1e-3)


@pytest.mark.parametrize(("preset", "points"), [("laptop", 48 * 10), ("paper", 128 * 2)])
def test_presets_are_the_network_of_the_paper(preset: str, points: int) -> None:
    config = PRESETS[preset].vision
    network = VisionNetwork(dataclasses.replace(config, image_size=64))
    assert network(random_images(64), random_images(64)).shape == (2, config.dense[-1])
    assert len(network.convolutions) == 7 and len(network.dense) == 2
    assert network.dense[0].kernel.shape[0] == points


def test_the_paper_preset_learns_and_exports_at_its_resolution(tmp_path: Path) -> None:
    config = dataclasses.replace(PRESETS["paper"], train=dataclasses.replace(PRESETS["paper"].train, warmup_steps=1))
    actor = build_actor(config, "gmm")
    actor.compile(optimizer=optimizer(config.train), jit_compile=False)
    image = random_images(472, batch=1)
    observation = {"image": image, "initial_image": image, "gripper_pose": tf.zeros([1, 4])}
    losses = [actor.train_on_batch(observation, tf.zeros([1, 4]), return_dict=True)["loss"] for _ in range(2)]
    assert np.isfinite(losses).all()
    assert bundle.export(actor, tmp_path / "bundle", {}).image_size == 472


@pytest.mark.parametrize("batch_norm", [True, False])
def test_every_weight_gets_a_gradient(small: Config, batch_norm: bool) -> None:
    network, image = VisionNetwork(dataclasses.replace(small.vision, batch_norm=batch_norm)), random_images(16)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(image, image[::-1], training=True) ** 2)
    gradients = tape.gradient(loss, network.trainable_variables)
    silent = [v.path for v, g in zip(network.trainable_variables, gradients, strict=True) if g is None]
    assert network.trainable_variables and not silent


def test_both_images_matter(small: Config) -> None:
    keras.utils.set_random_seed(1)
    network, image = VisionNetwork(small.vision), random_images(16)
    features = network(image, image)
    assert np.abs(features - network(image[::-1], image)).max() > 0
    assert np.abs(features - network(image, image[::-1])).max() > 0


def test_mean_images_are_subtracted(small: Config) -> None:
    network, image = VisionNetwork(small.vision), random_images(16, batch=1)
    middle = tf.fill([1, 16, 16, 3], tf.constant(100, tf.uint8))
    network(image, image)
    network.set_mean_images(middle[0], middle[0])
    expected = network(middle, middle)
    network.set_mean_images(image[0], image[0])
    np.testing.assert_allclose(network(image, image), expected, atol=1e-6)
