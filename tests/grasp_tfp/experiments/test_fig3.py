"""The measures of Figure 3 against known values, and the figure in small."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from grasp_tfp.experiments import fig3, toy_training
from grasp_tfp.experiments.toy_tasks import FivePoints


class _Known(toy_training.ToyActor):
    """The truth, with every centre moved and every spread scaled."""

    def __init__(self, shift: float = 0.0, scale: float = 1.0, components: int = 4) -> None:
        self.shift, self.factor, self.components = shift, scale, components

    def distribution(self, observation: tf.Tensor) -> tfd.Distribution:
        points = 5 * (tf.reshape(observation, [-1, 5, 2]) + 1)
        centres = (points[:, 1:] - points[:, :1])[:, : self.components] + [self.shift, 0.0]
        spread = tf.fill(tf.shape(centres), 0.5 * self.factor)
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros_like(centres[..., 0])), tfd.MultivariateNormalDiag(centres, spread)
        )


def test_the_truth_has_no_divergence() -> None:
    measured = fig3.measure(None, 2000)
    assert measured["kl"] == 0
    assert measured["leaked"] == pytest.approx(math.exp(-4.5), abs=0.002)
    assert measured["covered"] == pytest.approx(1, abs=0.001) and measured["best"] > 0.99
    assert fig3.measure(_Known(), 2000)["kl"] == pytest.approx(0, abs=1e-5)


def test_divergence_of_a_single_gaussian_has_a_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all centres in one place both mixtures are Gaussians."""
    observe = FivePoints.observe

    def together(self: FivePoints, seed: Any, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        observation, centres = observe(self, seed, number)
        points = tf.reshape(observation, [-1, 5, 2])
        joined = tf.concat([points[:, :1], tf.repeat(points[:, 1:2], 4, axis=1)], axis=1)
        return tf.reshape(joined, [-1, 10]), tf.repeat(centres[:, :1], 4, axis=1)

    monkeypatch.setattr(FivePoints, "observe", together)
    shifted, wide = fig3.measure(_Known(shift=0.5), 20_000), fig3.measure(_Known(scale=2), 20_000)
    assert shifted["kl"] == pytest.approx(0.5, abs=5 * shifted["kl_error"]) and shifted["kl_error"] < 0.01
    assert wide["kl"] == pytest.approx(2 * math.log(2) - 0.75, abs=5 * wide["kl_error"])


def test_a_missing_mode_and_leaked_mass_are_seen() -> None:
    missing, wide = fig3.measure(_Known(components=3), 2000), fig3.measure(_Known(scale=3), 2000)
    assert 0.74 < missing["covered"] < 0.85, "a missing mode counts as covered where another is near"
    assert missing["kl"] > 1
    assert 0.4 < wide["leaked"] < 0.65


def test_training_depends_on_the_seed_alone_and_lowers_the_divergence() -> None:
    model, divergences = fig3.MODELS["mof-1"], []
    for seed in (0, 0, 1):
        actor = toy_training.ToyActor(FivePoints(), model.family, model.config, seed)
        before = fig3.measure(actor, 500)["kl"]
        reports: list[toy_training.ToyTraining] = []
        last = toy_training.train_toy(actor, FivePoints(), toy_training.Schedule(40), seed, 25, reports.append)
        assert [report.step for report in reports] == [25, 40] and reports[-1] == last
        divergences.append(fig3.measure(actor, 500)["kl"])
        assert divergences[-1] < before
    assert divergences[0] == divergences[1] != divergences[2]


def test_fig3_in_small_and_continued(tmp_path: Path) -> None:
    settings = fig3.Settings(steps=2, seeds=1, held_out=200)
    seen: list[int] = []
    done = fig3.reproduce(tmp_path, seed=7, settings=settings, progress=lambda step, total, text: seen.append(step))
    assert seen == sorted(seen) and seen[-1] == len(fig3.MODELS) * 2
    assert [row["model"] for row in done.rows] == [model.label for model in fig3.MODELS.values()]
    assert len(done.verdicts) == 6
    kept = json.loads((tmp_path / "fig3.json").read_text())
    assert kept["results"]["per_seed"]["mof-10"][0]["seed"] == 7
    assert (tmp_path / "fig3.png").stat().st_size < 300_000
    (tmp_path / "finished" / "gmm-1_seed7.json").unlink()
    again = fig3.reproduce(tmp_path, seed=7, settings=settings)
    assert again.rows[1:] == done.rows[1:], "timings too: only the first model was trained again"
    assert again.rows[0]["mean"] == done.rows[0]["mean"]
