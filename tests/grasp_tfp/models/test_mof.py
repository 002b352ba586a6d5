"""The mixture of flows equals the composition of the stock parts of TensorFlow Probability."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.coupling import forward
from grasp_tfp.models.mof import MixtureOfFlows, MixtureOfFlowsHead

BATCH, COMPONENTS = 4, 3


def random_mixture(event_size: int) -> MixtureOfFlows:
    """A mixture whose transformations are far from the identity."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    head = MixtureOfFlowsHead(event_size, DensityConfig(components=COMPONENTS, hidden=16))
    features = tf.constant(rng.normal(size=(BATCH, 6)), tf.float32)
    head(features)
    for variable in head.trainable_variables:
        variable.assign_add(0.4 * rng.normal(size=variable.shape))
    return head.distribution(head(features))


def stock_layer(mixture: MixtureOfFlows, component: int, layer: int) -> Any:
    """One coupling layer of one component as `tfb.RealNVP`."""
    chains, size = mixture.couplings.all(), mixture.loc.shape[-1]
    first = size // 2

    def shift_and_log_scale(passed: tf.Tensor, _units: int) -> tuple[tf.Tensor, tf.Tensor]:
        hidden = tf.nn.relu(passed @ chains.kernels[layer][component] + chains.contexts[layer][component, 0])
        both = hidden @ chains.heads[layer][component] + chains.biases[layer][component]
        log_scale, shift = tf.split(both, 2, axis=-1)
        return shift, 2.0 * tf.tanh(log_scale / 2.0)

    num_masked = first if layer % 2 == 0 else first - size
    return tfb.RealNVP(num_masked=num_masked, shift_and_log_scale_fn=shift_and_log_scale)


def stock_mixture(mixture: MixtureOfFlows) -> Any:
    """The same density, built of one transformed Gaussian after another."""
    components = []
    for k in range(COMPONENTS):
        layers = [stock_layer(mixture, k, layer) for layer in reversed(range(len(mixture.couplings.kernels)))]
        base = tfd.MultivariateNormalDiag(mixture.loc[:, k], mixture.scale[:, k])
        components.append(tfd.TransformedDistribution(base, tfb.Chain(layers)))
    return tfd.Mixture(tfd.Categorical(logits=mixture.logits), components)


@pytest.mark.parametrize("event_size", [2, 4, 5])
def test_log_prob_equals_that_of_the_stock_parts(event_size: int) -> None:
    mixture = random_mixture(event_size)
    value = tf.constant(np.random.default_rng(1).normal(size=(BATCH, event_size)), tf.float32)
    np.testing.assert_allclose(mixture.log_prob(value), stock_mixture(mixture).log_prob(value), rtol=1e-5, atol=1e-5)


def test_samples_of_a_component_follow_it() -> None:
    mixture = random_mixture(2)
    points = mixture.sample_components(4000, tf.constant([1, 2]))
    assert points.shape == (COMPONENTS, 4000, BATCH, 2)
    stock = stock_mixture(mixture)
    for k, component in enumerate(stock.components):
        expected = component.sample(4000, seed=tf.constant([5, 6]))
        spread = np.std(expected, axis=0)
        np.testing.assert_allclose(np.mean(points[k], axis=0), np.mean(expected, axis=0), atol=0.12 * spread.max())


def test_samples_of_a_component_carry_its_gradient() -> None:
    mixture = random_mixture(4)
    with tf.GradientTape() as tape:
        tape.watch([mixture.loc, mixture.scale])
        points = mixture.sample_components(5, tf.constant([1, 2]))
    assert all(np.all(gradient != 0) for gradient in tape.gradient(points, [mixture.loc, mixture.scale]))


def test_component_with_all_the_weight_is_the_one_sampled() -> None:
    mixture = random_mixture(4)
    only = MixtureOfFlows(tf.constant([[0.0, -50.0, -50.0]] * BATCH), mixture.loc, mixture.scale, mixture.couplings)
    samples = only.sample(20, seed=tf.constant([1, 2]))
    point = tf.repeat(samples[None], COMPONENTS, axis=0)
    np.testing.assert_allclose(only.log_prob(samples), only.component_log_prob(point)[0], rtol=1e-5)


def test_chosen_components_are_those_of_all() -> None:
    mixture = random_mixture(4)
    component = tf.constant([[0, 1, 2, 0], [2, 2, 1, 0]])
    latent = tf.constant(np.random.default_rng(5).normal(size=(2, BATCH, 4)), tf.float32)
    every, _ = forward(mixture.couplings.all(), tf.repeat(latent[None], COMPONENTS, axis=0))
    chosen, _ = forward(mixture.couplings.of(component), tf.reshape(latent, [-1, 1, 1, 4]))
    expected = [[every[component[i, j], i, j] for j in range(BATCH)] for i in range(2)]
    np.testing.assert_allclose(tf.reshape(chosen, latent.shape), expected, atol=1e-5)
