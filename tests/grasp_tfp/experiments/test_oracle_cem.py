"""CEM with an oracle, and the fits to its iterations."""

import numpy as np
import pytest

from grasp_tfp.experiments.oracle_cem import cem_iterations, growth


def targets(number: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(number, 10, dimensions))


def test_one_dimension_takes_one_iteration() -> None:
    iterations, succeeded = cem_iterations(targets(300, 1), 0.1, np.random.default_rng(1))
    assert succeeded.all() and (iterations == 1).all()


@pytest.mark.parametrize(
    ("dimensions", "radius", "mean"), [(3, 0.1, 1.05), (6, 0.1, 5.2), (3, 0.03, 3.96), (5, 0.03, 7.3)]
)
def test_mean_iterations_are_those_of_an_independent_replication(dimensions: int, radius: float, mean: float) -> None:
    iterations, _ = cem_iterations(targets(400, dimensions), radius, np.random.default_rng(1))
    assert iterations.mean() == pytest.approx(mean, rel=0.25)


def test_more_precision_takes_longer_and_fails_more_often() -> None:
    coarse, fine = (cem_iterations(targets(200, 7), radius, np.random.default_rng(1)) for radius in (0.1, 0.03))
    assert fine[0].mean() > 1.5 * coarse[0].mean()
    assert fine[1].mean() < coarse[1].mean()


def test_a_failure_counts_all_iterations() -> None:
    iterations, succeeded = cem_iterations(targets(20, 9), 1e-9, np.random.default_rng(1), max_iterations=4)
    assert not succeeded.any() and (iterations == 4).all()


def test_the_same_seed_gives_the_same_runs() -> None:
    runs = [cem_iterations(targets(50, 4), 0.03, np.random.default_rng(s))[0] for s in (1, 1, 2)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


def test_fits_tell_a_line_from_an_exponential() -> None:
    x = np.arange(1, 7)
    line, curve = (growth(x.tolist(), y.tolist()) for y in (2.0 + 3.0 * x, 0.5 * np.exp(0.7 * x)))
    assert line["linear"] == pytest.approx({"a": 2.0, "b": 3.0, "r2": 1.0})
    assert line["exponential"]["r2"] < 0.99
    assert curve["exponential"] == pytest.approx({"a": 0.5, "b": 0.7, "r2": 1.0}, rel=1e-4)
    assert curve["linear"]["r2"] < 0.95
