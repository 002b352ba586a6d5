"""The cross-entropy method finds what is known to be there."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.policies.cem import GAUSSIAN, MIXTURE, Gaussians, Search, fit_gaussians, search

Floats = NDArray[np.float64]
SPREAD = np.array([0.05, 0.05, 0.04, 0.9])


def start(batch: int) -> Gaussians:
    """A wide Gaussian around zero."""
    return Gaussians(np.ones((batch, 1)), np.zeros((batch, 1, 4)), np.tile(SPREAD, (batch, 1, 1)))


def rngs(batch: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(batch)]


def anything(actions: Floats) -> NDArray[np.bool_]:
    return np.ones(actions.shape[:2], bool)


def near(target: Floats) -> Callable[[Floats], Floats]:
    """A value that falls with the distance to targets (B, 4), the turn the shorter way round."""

    def value(actions: Floats) -> Floats:
        offset = actions - target[:, None]
        offset[..., 3] = (offset[..., 3] + math.pi / 2) % math.pi - math.pi / 2
        return np.asarray(np.exp(-0.5 * ((offset / SPREAD) ** 2).sum(-1)))

    return value


def test_the_papers_numbers() -> None:
    assert (GAUSSIAN.iterations, GAUSSIAN.population, GAUSSIAN.elites, GAUSSIAN.components) == (3, 64, 6, 1)
    assert (MIXTURE.elites, MIXTURE.components) == (16, 7)


@pytest.mark.parametrize(("how", "least"), [(GAUSSIAN, 0.9), (MIXTURE, 0.7)])
def test_each_iteration_comes_nearer(how: Search, least: float) -> None:
    target = np.array([[0.03, -0.02, 0.01, 0.4], [-0.05, 0.04, 0.0, -1.5], [0.0, 0.0, 0.0, 1.5]])
    tried = search(start(3), near(target), anything, rngs(3), how)
    assert [iteration.actions.shape for iteration in tried] == [(3, 64, 4)] * 3
    means = [iteration.values.mean(axis=1) for iteration in tried]
    assert (means[0] < means[1]).all() and (means[1] < means[2]).all()
    assert (tried[-1].values.max(axis=1) > least).all()


def test_directions_on_both_sides_of_the_seam_are_one() -> None:
    turns = np.array([1.56, -1.56, 1.55, -1.55])
    actions = np.zeros((1, 4, 4))
    actions[0, :, 3] = turns
    fitted = fit_gaussians(actions, np.ones((1, 4)), 1)
    assert abs(abs(fitted.mean[0, 0, 3]) - math.pi / 2) < 0.01
    assert fitted.spread[0, 0, 3] < 0.03


def test_a_mixture_keeps_two_objects_apart() -> None:
    rng = np.random.default_rng(0)
    actions = rng.normal(0, 0.002, (1, 16, 4))
    actions[0, ::2, 0] += 0.05
    actions[0, 1::2, 0] -= 0.05
    one, two = fit_gaussians(actions, np.ones((1, 16)), 1), fit_gaussians(actions, np.ones((1, 16)), 2)
    assert abs(one.mean[0, 0, 0]) < 0.005
    np.testing.assert_allclose(np.sort(two.mean[0, :, 0]), [-0.05, 0.05], atol=0.005)
    np.testing.assert_allclose(two.weight, 0.5, atol=0.01)
    samples = two.sample(200, rngs(1))[0, :, 0]
    assert (np.abs(samples) > 0.02).mean() > 0.98


def test_infeasible_actions_are_never_refitted_to() -> None:
    def right(actions: Floats) -> NDArray[np.bool_]:
        return np.asarray(actions[..., 0] > 0)

    target = np.array([[-0.1, 0.0, 0.0, 0.0]])
    tried = search(start(1), near(target), right, rngs(1))
    assert tried[-1].actions[0, :, 0].mean() > -0.005
    nothing = search(start(1), near(target), lambda actions: ~anything(actions), rngs(1))
    assert not nothing[-1].feasible.any()
    assert nothing[-1].actions[0].std(axis=0) == pytest.approx(SPREAD, rel=0.4)


def test_a_robot_with_nothing_feasible_does_not_disturb_the_others() -> None:
    target = np.zeros((2, 4))
    blocked = search(
        start(2), near(target), lambda actions: anything(actions) * np.array([[True], [False]]), rngs(2), MIXTURE
    )  # fmt: skip
    free = search(start(2), near(target), anything, rngs(2), MIXTURE)
    np.testing.assert_allclose(blocked[-1].actions[0], free[-1].actions[0])
    assert np.isfinite(blocked[-1].actions).all()
