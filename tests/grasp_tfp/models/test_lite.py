"""An actor in LiteRT answers what the actor answers."""

import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.config import NUM_SAMPLES, Config
from grasp_tfp.models.actor import Actor, build_actor
from grasp_tfp.models.lite import LiteActor, lite_actor


@pytest.fixture(scope="module")
def actor(small: Config) -> Actor:
    return build_actor(small, "mof")


@pytest.mark.parametrize(("int8", "tolerance"), [(False, 1e-4), (True, 0.1)])
def test_the_same_samples_and_densities(actor: Actor, int8: bool, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    image, initial_image = rng.integers(0, 256, (2, 2, 16, 16, 3), dtype=np.uint8)
    noise = rng.uniform(size=(2, NUM_SAMPLES, 5)).astype(np.float32)
    model = lite_actor(actor, int8=int8)
    received = LiteActor(model).act(image, initial_image, noise)
    expected = actor.act({"image": tf.constant(image), "initial_image": tf.constant(initial_image)}, tf.constant(noise))
    for ours, theirs in zip(received, expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.median(np.abs(ours - theirs.numpy())) < tolerance
