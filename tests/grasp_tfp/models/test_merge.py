"""Glances look where they are told to."""

import numpy as np
import tensorflow as tf

from grasp_tfp.models.merge import Glances


def test_a_sharp_glance_reads_the_map_at_its_place() -> None:
    glances = Glances(1)
    maps = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype(np.float32)
    query = np.array([[[-1.0, -1.0], [0.5, -0.5], [1.0, 0.0]]] * 2, np.float32)
    glances(maps, query)
    glances.aim.set_weights([np.eye(2, dtype=np.float32), np.zeros(2, np.float32)])
    glances.sharpness.assign([6.0])
    seen = glances(maps, query)
    assert seen.shape == (2, 3, 3)
    for batch in range(2):
        np.testing.assert_allclose(seen[batch], [maps[batch, 0, 0], maps[batch, 1, 3], maps[batch, 2, 4]], atol=1e-4)


def test_a_dull_glance_sees_the_mean() -> None:
    glances = Glances(2)
    maps = np.random.default_rng(0).normal(size=(1, 4, 6, 3)).astype(np.float32)
    query = tf.zeros([1, 1, 4])
    glances(maps, query)
    glances.sharpness.assign([-20.0, -20.0])
    np.testing.assert_allclose(glances(maps, query)[0, 0], np.tile(maps.mean(axis=(0, 1, 2)), 2), atol=1e-5)
