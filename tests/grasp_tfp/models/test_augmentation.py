"""Augmented images: as strong as asked for, the same for both images, and decided by the seed."""

import dataclasses

import numpy as np
import tensorflow as tf

from grasp_tfp.config import Config
from grasp_tfp.models.actor import build_actor
from grasp_tfp.models.augmentation import augmented

SEED = tf.constant([1, 2], tf.int32)
IMAGES = tf.constant(np.random.default_rng(0).integers(60, 200, (3, 8, 8, 3), dtype=np.uint8))


def test_no_strength_changes_nothing() -> None:
    image, initial_image = augmented(IMAGES, IMAGES[::-1], photometric=0.0, shift=0, seed=SEED)
    np.testing.assert_array_equal(image, IMAGES)
    np.testing.assert_array_equal(initial_image, IMAGES[::-1])


def test_both_images_change_alike_and_each_example_differently() -> None:
    same = tf.repeat(IMAGES[:1], 3, axis=0)
    image, initial_image = augmented(same, same, photometric=1.0, shift=2, seed=SEED)
    np.testing.assert_array_equal(image, initial_image)
    assert (image.numpy()[0] != image.numpy()[1]).any()
    again, _ = augmented(same, same, photometric=1.0, shift=2, seed=SEED)
    other, _ = augmented(same, same, photometric=1.0, shift=2, seed=SEED + 1)
    np.testing.assert_array_equal(image, again)
    assert (image.numpy() != other.numpy()).any()


def test_a_shift_moves_the_image_by_up_to_its_pixels() -> None:
    image, _ = augmented(IMAGES, IMAGES, photometric=0.0, shift=2, seed=SEED)
    for before, after in zip(IMAGES.numpy(), image.numpy(), strict=True):
        wide = np.pad(before, [(2, 2), (2, 2), (0, 0)], "reflect")
        crops = [wide[y : y + 8, x : x + 8] for y in range(5) for x in range(5)]
        assert any((crop == after).all() for crop in crops)


def test_grey_stays_grey_but_for_its_brightness() -> None:
    grey = tf.fill([5, 4, 4, 3], tf.constant(120, tf.uint8))
    image = augmented(grey, grey, photometric=1.0, shift=0, seed=SEED)[0].numpy().astype(int)
    assert np.ptp(image, axis=-1).max() <= 1
    assert 3 < np.abs(image - 120).max() <= 33


def test_training_augments_by_the_step_alone(small: Config) -> None:
    config = dataclasses.replace(small, train=dataclasses.replace(small.train, photometric=1.0, random_shift=1))
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8))
    actions = tf.zeros([4, 4])
    losses = []
    for train in (config.train, config.train, dataclasses.replace(config.train, photometric=0.0, random_shift=0)):
        actor = build_actor(dataclasses.replace(config, train=train), "gmm")
        actor.compile(optimizer="sgd", jit_compile=False)
        observation = {"image": images, "initial_image": images, "gripper_pose": tf.zeros([4, 4])}
        losses.append([actor.train_on_batch(observation, actions, return_dict=True)["nll"] for _ in range(2)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    assert np.abs(np.subtract(losses[0], losses[2])).max() > 1e-4
