"""The calibration of a critic is measured, drawn and written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.experiments.calibration import calibrate


class _Critic:
    """Says of each action what its dx says, honest for a dataset that keeps a quarter of the failures."""

    manifest = {"failures_kept": 0.25}

    def encode(self, image: Any, initial_image: Any) -> None:
        return None

    def value(self, code: Any, action: Any) -> Any:
        return np.asarray(action)[..., 0]


def recorded(share: float) -> tf.data.Dataset:
    """Actions that succeed as often as they say, in batches, of whose failures a share is kept."""
    rng = np.random.default_rng(0)
    probability = rng.random(8000)
    success = rng.random(8000) < probability
    kept = success | (rng.random(8000) < share)
    action = np.zeros((kept.sum(), 4), np.float32)
    action[:, 0] = probability[kept]
    image = np.zeros((kept.sum(), 2, 2, 3), np.uint8)
    inputs = {"image": image, "initial_image": image, "action": action}
    return tf.data.Dataset.from_tensor_slices((inputs, success[kept].astype(np.float32))).batch(512)


def test_failures_left_out_are_counted(tmp_path: Path) -> None:
    critic: Any = _Critic()
    honest, boasting = calibrate(critic, recorded(0.25), tmp_path), calibrate(critic, recorded(0.02), tmp_path)
    assert honest.calibration_error < 0.03 < boasting.calibration_error
    assert honest.area_under_curve == pytest.approx(5 / 6, abs=0.02)
    assert honest.binary_cross_entropy == pytest.approx(0.5, abs=0.03) and honest.base_cross_entropy > 0.65


def test_the_run_keeps_numbers_and_a_picture(tmp_path: Path) -> None:
    critic: Any = _Critic()
    report = calibrate(critic, recorded(0.25), tmp_path)
    written = json.loads((tmp_path / "calibration.json").read_text())
    assert written["examples"] == report.examples and len(written["bins"]) == 10
    assert (tmp_path / "calibration.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibration.json", "calibration.png"]
