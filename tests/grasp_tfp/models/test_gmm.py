"""How a Gaussian mixture starts, and where its training gets stuck (Section IV-A)."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.gmm import POSITIVE, GaussianMixture, GaussianMixtureHead


def test_centres_start_spread_around_the_mean_action() -> None:
    keras.utils.set_random_seed(0)
    head = GaussianMixtureHead(4, DensityConfig(components=64))
    centres = head(tf.zeros([1, 8]))["loc"].numpy()
    assert abs(centres.mean()) < 0.1
    assert 0.4 < centres.std() < 0.6


@pytest.mark.parametrize("scale", ["predicted", "learned", "fixed"])
@pytest.mark.parametrize("function", list(POSITIVE))
@pytest.mark.parametrize("start", [0.05, 1.0, 10.0, 200.0])
def test_spread_starts_where_it_is_told(scale: str, function: str, start: float) -> None:
    config = DensityConfig(components=2, scale=scale, scale_function=function, initial_scale=start)
    spread = GaussianMixtureHead(3, config)(tf.random.stateless_normal([4, 8], [1, 2]))["scale"]
    assert spread.shape == (4, 2, 3)
    np.testing.assert_allclose(spread, np.full((4, 2, 3), start), rtol=1e-4)


@pytest.mark.parametrize(("scale", "varies", "variables"), [("predicted", 1, 6), ("learned", 0, 5), ("fixed", 0, 4)])
def test_only_a_predicted_spread_depends_on_the_observation(scale: str, varies: int, variables: int) -> None:
    keras.utils.set_random_seed(0)
    head = GaussianMixtureHead(3, DensityConfig(components=2, scale=scale))
    features = tf.random.stateless_normal([4, 8], [1, 2])
    head(features)
    for variable in head.trainable_variables:
        variable.assign_add(tf.random.stateless_normal(variable.shape, [3, 4]))
    assert len(head.trainable_variables) == variables
    assert (np.ptp(head(features)["scale"], axis=0) > 0).all() == bool(varies)


def loss(parameters: tf.Tensor) -> tf.Tensor:
    """-E[log p(x)] for x uniform on [-0.1, 0.1] ∪ [0.9, 1.1], with parameters (logit, μ₁, μ₂, σ₁, σ₂)."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    logits = tf.stack([parameters[0], tf.zeros_like(parameters[0])])
    density = GaussianMixture(logits[None], parameters[None, 1:3, None], parameters[None, 3:, None])
    points = np.concatenate([0.1 * nodes, 1 + 0.1 * nodes])
    return -tf.reduce_sum(np.tile(weights / 4, 2) * density.log_prob(points[:, None, None])[:, 0])


def gradient_and_hessian(spread: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Those of the loss at μ₁ = μ₂ = 0.5, w₁ = w₂ = 0.5, with σ₁ = σ₂ = spread."""
    parameters = tf.constant([0.0, 0.5, 0.5, spread, spread], tf.float64)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(parameters)
        with tf.GradientTape() as inner:
            inner.watch(parameters)
            value = loss(parameters)
        gradient = inner.gradient(value, parameters)
    return gradient.numpy(), outer.jacobian(gradient, parameters, experimental_use_pfor=False).numpy()


VARIANCE = 0.25 + 0.2**2 / 12
"""That of x, and so σ² at the saddle."""


def test_gradient_vanishes_at_the_saddle_of_section_iv() -> None:
    gradient, _ = gradient_and_hessian(np.sqrt(VARIANCE))
    np.testing.assert_allclose(gradient, np.zeros(5), atol=1e-12)
    rounded, _ = gradient_and_hessian(0.5)
    assert np.abs(rounded).max() > 0.01, "the paper rounds σ to 0.5, which is no stationary point"


def test_saddle_is_flat_along_centres_that_part() -> None:
    """The Hessian has no negative direction, which is why the saddle holds even optimisers with momentum.

    To second order, centres that part change nothing, nor do weights that differ.
    """
    _, hessian = gradient_and_hessian(np.sqrt(VARIANCE))
    curvature = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(curvature[:2], np.zeros(2), atol=1e-12)
    assert curvature[2] > 1
    for flat in ([1, 0, 0, 0, 0], [0, 1, -1, 0, 0]):
        np.testing.assert_allclose(hessian @ flat, np.zeros(5), atol=1e-12)


@pytest.mark.parametrize("step", [0.02, 0.04])
def test_way_out_of_the_saddle_falls_with_the_fourth_power(step: float) -> None:
    """Centres at 0.5 ± δ with σ² smaller by δ² keep mean and variance; the kurtosis of x gives the slope."""
    values = [
        loss(tf.constant([0, 0.5 - d, 0.5 + d, *[np.sqrt(VARIANCE - d**2)] * 2], tf.float64)) for d in (0.0, step)
    ]
    fourth_moment = 0.5**4 + 6 * 0.5**2 * 0.1**2 / 3 + 0.1**4 / 5
    expected = (fourth_moment / VARIANCE**2 - 3) / 12 / VARIANCE**2
    assert float(values[1] - values[0]) / step**4 == pytest.approx(expected, rel=0.02) and expected < -2.5
