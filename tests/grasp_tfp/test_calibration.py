"""Reliability, calibration error and the area under the curve, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from grasp_tfp.calibration import area_under_curve, calibration_error, reliability


def test_bins_hold_what_they_say() -> None:
    bins = reliability([0.05, 0.15, 0.15, 0.95, 1.0], [0, 0, 1, 1, 1])
    assert [(own.low, own.predictions) for own in bins] == [(0.0, 1), (0.1, 2), (0.9, 2)]
    assert [own.observed for own in bins] == [0.0, 0.5, 1.0]
    assert [own.predicted for own in bins] == pytest.approx([0.05, 0.15, 0.975])
    assert sum(own.weight for own in bins) == pytest.approx(1)
    assert calibration_error(bins) == pytest.approx((0.05 + 2 * 0.35 + 2 * 0.025) / 5)


def test_weights_stand_for_cases() -> None:
    weighted = reliability([0.2, 0.2], [1, 0], [1, 4])
    repeated = reliability([0.2] * 5, [1, 0, 0, 0, 0])
    assert weighted[0].observed == repeated[0].observed == pytest.approx(0.2)
    assert calibration_error(weighted) == pytest.approx(0)


def test_honest_probabilities_are_calibrated_and_boasts_are_not() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    success = rng.random(20_000) < probability
    assert calibration_error(reliability(probability, success)) < 0.02
    assert calibration_error(reliability(np.sqrt(probability), success)) > 0.1


@pytest.mark.parametrize(
    ("score", "success", "expected"),
    [
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),  # the example of scikit-learn's roc_auc_score
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 0.0),
        ([1, 1, 1, 1], [0, 1, 0, 1], 0.5),
    ],
)
def test_area_under_the_curve(score: list[float], success: list[int], expected: float) -> None:
    assert area_under_curve(score, success) == pytest.approx(expected)


def test_without_both_outcomes_there_is_no_curve() -> None:
    assert math.isnan(area_under_curve([0.1, 0.2], [1, 1]))
