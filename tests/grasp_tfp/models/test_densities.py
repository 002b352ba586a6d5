"""What every density promises, for every family and every setting that changes its computation.

A setting is a family, where its standard deviations come from and what makes them positive, and what stands around
the density: nothing, other units, or dimensions that wrap around. `pytest -v` shows the matrix.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.actor import DENSITIES
from grasp_tfp.models.coupling import forward, inverse
from grasp_tfp.models.losses import negative_log_likelihood
from grasp_tfp.models.mixture import ComponentMixture
from grasp_tfp.models.transformed import Scaled, Wrapped

CONFIG = DensityConfig(components=3, couplings=4, hidden=8)
BATCH, FEATURES, PERIOD = 3, 5, 6.0
SEED = (3, 4)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One row of the matrix."""

    family: str
    config: DensityConfig = CONFIG
    periodic: int = 0
    """Dimensions that wrap around, the last ones."""

    scaled: bool = False

    def head(self, event_size: int) -> Any:
        """The layer as it might be after training: no weight at its initial value."""
        keras.utils.set_random_seed(2)
        rng = np.random.default_rng(2)
        head = DENSITIES[self.family](event_size, self.config, name=self.family.replace("-", "_"))
        head(features())
        for variable in head.trainable_variables:
            variable.assign_add(0.15 * rng.normal(size=variable.shape))
        return head

    def density(self, head: Any, batch: int = BATCH) -> ComponentMixture:
        """What the head predicts."""
        density: ComponentMixture = head.distribution(head(features(batch)))
        if self.scaled:
            shift, scale = np.linspace(-1, 2, density.event_size), np.linspace(0.5, 1.5, density.event_size)
            density = Scaled(density, tf.constant(shift, tf.float32), tf.constant(scale, tf.float32))
        return Wrapped(density, self.periods(density.event_size)) if self.periodic else density

    def periods(self, event_size: int) -> tuple[float, ...]:
        """The period of every dimension."""
        return (0.0,) * (event_size - self.periodic) + (PERIOD,) * self.periodic


SPREADS = {
    "predicted softplus": CONFIG,
    "predicted exp": dataclasses.replace(CONFIG, scale_function="exp"),
    "learned softplus": dataclasses.replace(CONFIG, scale="learned"),
    "learned exp": dataclasses.replace(CONFIG, scale="learned", scale_function="exp"),
    "fixed": dataclasses.replace(CONFIG, scale="fixed"),
}
SETTINGS = {
    f"{family} {name}": Setting(family, config) for family in ("gmm", "mof") for name, config in SPREADS.items()
}
SETTINGS |= {"real-nvp": Setting("real-nvp")}
SETTINGS |= {f"{family} scaled": Setting(family, scaled=True) for family in DENSITIES}
SETTINGS |= {f"{family} wrapped": Setting(family, periodic=1) for family in DENSITIES}
SETTINGS |= {"mof scaled, all wrapped": Setting("mof", periodic=2, scaled=True)}

every = pytest.mark.parametrize("setting", SETTINGS.values(), ids=[name.replace(" ", "-") for name in SETTINGS])
bent = pytest.mark.parametrize("setting", [SETTINGS["mof learned exp"], SETTINGS["real-nvp"]], ids=["mof", "real-nvp"])


def features(batch: int = BATCH) -> tf.Tensor:
    """Features (B, C) of some observations."""
    return tf.constant(np.random.default_rng(1).normal(size=(batch, FEATURES)), tf.float32)


def normal(*shape: int) -> tf.Tensor:
    """Points around the origin."""
    return tf.constant(np.random.default_rng(7).normal(size=shape), tf.float32)


def without_gradient(loss: Callable[[ComponentMixture], tf.Tensor], setting: Setting) -> list[str]:
    """Names of the variables that a loss of the density does not reach."""
    head = setting.head(4)
    with tf.GradientTape() as tape:
        value = loss(setting.density(head))
    gradients = tape.gradient(value, head.trainable_variables)
    reached = [g is not None and bool(np.abs(g).max() > 0) for g in gradients]
    return [v.path for v, ok in zip(head.trainable_variables, reached, strict=True) if not ok]


@every
@pytest.mark.parametrize("event_size", [2, 5])
def test_shapes(setting: Setting, event_size: int) -> None:
    density = setting.density(setting.head(event_size))
    assert density.batch_shape == (BATCH,) and density.event_shape == (event_size,)
    samples = density.sample(7, seed=SEED)
    assert samples.shape == (7, BATCH, event_size) and density.log_prob(samples).shape == (7, BATCH)
    assert density.sample(seed=SEED).shape == (BATCH, event_size)
    assert density.log_prob(tf.zeros([event_size])).shape == (BATCH,)
    assert density.log_prob(tf.zeros([2, 7, 1, event_size])).shape == (2, 7, BATCH)
    assert density.mode(seed=SEED).shape == (BATCH, event_size) and density.entropy(seed=SEED).shape == (BATCH,)


@every
def test_log_prob_of_a_batch_is_that_of_each_observation(setting: Setting) -> None:
    head, value = setting.head(4), normal(BATCH, 4)
    together, (first, *_) = setting.density(head).log_prob(value), setting.density(head, 1).log_prob(value[:1])
    np.testing.assert_allclose(together[0], first, rtol=1e-5)


@every
def test_same_seed_same_samples(setting: Setting) -> None:
    density = setting.density(setting.head(4))
    np.testing.assert_array_equal(density.sample(9, seed=SEED), density.sample(9, seed=SEED))
    assert np.abs(density.sample(9, seed=SEED) - density.sample(9, seed=(5, 6))).min() > 0


@every
def test_mode_is_the_best_of_the_samples(setting: Setting) -> None:
    density = setting.density(setting.head(4))
    samples, mode = density.sample(64, seed=SEED), density.mode(seed=SEED)
    assert all(any(np.array_equal(mode[i], sample) for sample in samples[:, i]) for i in range(BATCH))
    np.testing.assert_allclose(density.log_prob(mode), np.max(density.log_prob(samples), axis=0), rtol=1e-5)


@every
def test_likelihood_reaches_every_variable(setting: Setting) -> None:
    assert without_gradient(lambda density: negative_log_likelihood(density, normal(BATCH, 4)), setting) == []


@every
def test_entropy_reaches_every_variable(setting: Setting) -> None:
    assert without_gradient(lambda density: tf.reduce_sum(density.entropy(seed=SEED)), setting) == []


HALF_WIDTH, COARSE = 25.0, 40


@functools.cache
def quadrature(setting: Setting) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Any]]:
    """Centres (n, m, 2) of small cells, log-density (n, m) there, and the edges, by the midpoint rule."""
    edges = [
        np.linspace(-period / 2, period / 2, 3 * COARSE + 1)
        if period
        else np.linspace(-HALF_WIDTH, HALF_WIDTH, 10 * COARSE + 1)
        for period in setting.periods(2)
    ]
    centres = np.stack(np.meshgrid(*[(edge[1:] + edge[:-1]) / 2 for edge in edges], indexing="ij"), axis=-1)
    log_prob = setting.density(setting.head(2), batch=1).log_prob(centres.reshape(-1, 1, 2).astype(np.float32))
    return centres, np.asarray(log_prob, np.float64).reshape(centres.shape[:2]), edges


def mass(setting: Setting) -> NDArray[np.float64]:
    """Probability (n, m) of the cells."""
    _, log_prob, edges = quadrature(setting)
    return np.asarray(np.exp(log_prob) * np.prod([edge[1] - edge[0] for edge in edges]))


@every
def test_integrates_to_one(setting: Setting) -> None:
    assert mass(setting).sum() == pytest.approx(1.0, abs=0.01)


@every
def test_samples_follow_the_density(setting: Setting) -> None:
    number, fine = 20_000, mass(setting)
    edges = [edge[:: (len(edge) - 1) // COARSE] for edge in quadrature(setting)[2]]
    samples = setting.density(setting.head(2), batch=1).sample(number, seed=SEED)[:, 0].numpy()
    counts = np.histogramdd(samples, bins=edges)[0]
    expected = fine.reshape(COARSE, len(fine) // COARSE, COARSE, -1).sum(axis=(1, 3))
    common = expected * number >= 5
    observed = np.append(counts[common], number - counts[common].sum())
    rest = max(1 - expected[common].sum(), 1e-9)
    assert common.sum() > 10
    assert scipy.stats.chisquare(observed, np.append(expected[common], rest) * number, sum_check=False).pvalue > 1e-3


@every
def test_entropy_is_that_of_quadrature(setting: Setting) -> None:
    _, log_prob, _ = quadrature(setting)
    entropy = setting.density(setting.head(2), batch=1).entropy(seed=SEED, num_samples=4000)
    assert float(entropy[0]) == pytest.approx(-np.sum(mass(setting) * log_prob), abs=0.03)


@every
def test_covariance_is_exact_or_refused(setting: Setting) -> None:
    density = setting.density(setting.head(2), batch=1)
    if setting.family != "gmm" or setting.periodic:
        with pytest.raises(NotImplementedError):
            density.covariance()
        return
    centres, probability = quadrature(setting)[0].reshape(-1, 2), mass(setting).ravel()
    mean = probability @ centres
    np.testing.assert_allclose(density.mean()[0], mean, atol=1e-3)
    expected = (centres - mean).T @ (probability[:, None] * (centres - mean))
    np.testing.assert_allclose(density.covariance()[0], expected, atol=1e-3)


@bent
@pytest.mark.parametrize("event_size", [2, 3, 4, 6])
def test_inverse_undoes_the_transformation(setting: Setting, event_size: int) -> None:
    density: Any = setting.density(setting.head(event_size))
    chains, latent = density.couplings.all(), normal(density.logits.shape[1], 40, BATCH, event_size)
    point, log_det = forward(chains, latent)
    returned, inverse_log_det = inverse(chains, point)
    assert np.abs(point - latent).max() > 0.3
    np.testing.assert_allclose(returned, latent, atol=1e-5)
    np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-5)


@bent
@pytest.mark.parametrize("event_size", [2, 3, 6])
def test_log_determinant_is_that_of_the_jacobian(setting: Setting, event_size: int) -> None:
    density: Any = setting.density(setting.head(event_size))
    components = density.logits.shape[1]
    latent = tf.reshape(normal(components, 4, BATCH, event_size), [-1, event_size])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(latent)
        point, log_det = forward(density.couplings.all(), tf.reshape(latent, [components, 4, BATCH, event_size]))
        point = tf.reshape(point, [-1, event_size])
    jacobian = tape.batch_jacobian(point, latent, experimental_use_pfor=False)
    np.testing.assert_allclose(np.ravel(log_det), np.linalg.slogdet(jacobian)[1], atol=1e-5)


@every
@pytest.mark.parametrize("spread", [1.0, 1e-4])
def test_extremes_stay_finite(setting: Setting, spread: float) -> None:
    floor = dataclasses.replace(setting.config, initial_scale=spread, scale_floor=spread / 10)
    setting = dataclasses.replace(setting, config=floor)
    head = setting.head(4)
    values = tf.constant([[0.0] * 4, [1e3] * 4, [-1e5, 1e5, 0.0, 1e4]])[:, None]
    with tf.GradientTape() as tape:
        density = setting.density(head)
        log_prob, entropy = density.log_prob(values), density.entropy(seed=SEED)
    gradients = tape.gradient([log_prob, entropy], head.trainable_variables)
    assert all(np.all(np.isfinite(value)) for value in (log_prob, entropy, density.sample(9, seed=SEED), *gradients))


class Together(keras.Model):
    """Fits a head of every setting at once, so that the whole matrix is compiled only once."""

    def __init__(self) -> None:
        super().__init__()
        short = [dataclasses.replace(s, config=dataclasses.replace(s.config, couplings=2)) for s in SETTINGS.values()]
        self.heads = [setting.head(4) for setting in short]
        self.nll = [keras.metrics.Mean(f"nll_{number}") for number in range(len(self.heads))]

    def call(self, values: tf.Tensor) -> list[Any]:
        return [head(values) for head in self.heads]

    def densities(self, parameters: list[Any]) -> list[ComponentMixture]:
        return [s.density(_Said(h, p)) for s, h, p in zip(SETTINGS.values(), self.heads, parameters, strict=True)]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        losses = [negative_log_likelihood(density, y, sample_weight) for density in self.densities(y_pred)]
        for metric, loss in zip(self.nll, losses, strict=True):
            metric.update_state(loss)
        return tf.add_n(losses)


@dataclasses.dataclass
class _Said:
    """A head that has already been called."""

    layer: Any
    parameters: Any

    def __call__(self, _features: tf.Tensor) -> Any:
        return self.parameters

    def distribution(self, parameters: Any) -> ComponentMixture:
        density: ComponentMixture = self.layer.distribution(parameters)
        return density


@pytest.mark.parametrize("jit_compile", [False, True], ids=["plain", "XLA"])
def test_fit_raises_the_likelihood(jit_compile: bool) -> None:
    model = Together()
    model.compile(optimizer=keras.optimizers.SGD(0.02), jit_compile=jit_compile)
    inputs = np.random.default_rng(5).normal(size=(64, FEATURES)).astype(np.float32)
    targets = np.tanh(inputs[:, :4]) + 0.1
    history = model.fit(inputs, targets, sample_weight=np.ones(64), batch_size=64, epochs=8, verbose=0).history
    falls = {n: history[f"nll_{i}"][0] - history[f"nll_{i}"][-1] for i, n in enumerate(SETTINGS)}
    assert {name: fall for name, fall in falls.items() if not fall > 0.1} == {}


def test_loaded_weights_give_the_same_densities(tmp_path: Path) -> None:
    saved, loaded, value = Together(), Together(), normal(BATCH, 4)
    saved(features())
    fresh = [density.log_prob(value) for density in saved.densities(saved(features()))]
    for variable in saved.trainable_variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    before = [density.log_prob(value) for density in saved.densities(saved(features()))]
    saved.save_weights(tmp_path / "heads.weights.h5")
    loaded(features())
    loaded.load_weights(tmp_path / "heads.weights.h5")
    after = [density.log_prob(value) for density in loaded.densities(loaded(features()))]
    np.testing.assert_array_equal(after, before)
    assert np.abs(np.subtract(before, fresh)).max(axis=1).min() > 0
