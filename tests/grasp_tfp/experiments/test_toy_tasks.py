"""The tasks without images draw what Sections III and VI-A describe."""

import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.experiments.toy_tasks import FivePoints, TargetPoints, ToyTask


def seed(number: int) -> tf.Tensor:
    return tf.constant([number, 0])


@pytest.mark.parametrize("task", [FivePoints(), TargetPoints(1, 0.1), TargetPoints(5, 0.03)])
def test_batches_have_the_declared_sizes_and_depend_on_the_seed_alone(task: ToyTask) -> None:
    observation, action = task.batch(seed(3), 64)
    assert observation.shape == (64, task.observation_size) and action.shape == (64, task.action_size)
    assert float(tf.reduce_max(tf.abs(observation))) <= 1
    again, other = task.batch(seed(3), 64), task.batch(seed(4), 64)
    assert np.array_equal(again[1], action) and not np.array_equal(other[1], action)


def test_five_points_scatter_around_four_differences() -> None:
    task = FivePoints()
    observation, action = task.batch(seed(0), 4000)
    points = 5 * (observation.numpy().reshape(-1, 5, 2) + 1)
    offsets = action.numpy()[:, None] - (points[:, 1:] - points[:, :1])
    nearest = np.linalg.norm(offsets, axis=-1).argmin(axis=1)
    chosen = np.take_along_axis(offsets, nearest[:, None, None], axis=1)
    assert np.bincount(nearest) / 4000 == pytest.approx([0.25] * 4, abs=0.03)
    assert chosen.std() == pytest.approx(0.5, abs=0.02), "a few are nearer to another centre than to their own"


@pytest.mark.parametrize("dimensions", [1, 3, 9])
def test_good_actions_fill_the_balls_around_targets(dimensions: int) -> None:
    task = TargetPoints(dimensions, 0.03)
    observation, action = task.batch(seed(0), 4000)
    targets = observation.numpy().reshape(4000, 10, dimensions)
    distance = np.linalg.norm(targets - action.numpy()[:, None], axis=-1).min(axis=1) / 2
    assert distance.max() <= 0.03 + 1e-6
    if dimensions > 1:
        assert (distance < 0.015).mean() == pytest.approx(0.5**dimensions, abs=0.03)
