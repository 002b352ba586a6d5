"""The on-policy loss leads where Section IV-B says, for a behaviour that follows the policy, and elsewhere without."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import scipy.special

from grasp_tfp.experiments.bandit import Settings, reproduce, rewards, run, uniform_optimum


def test_policy_becomes_the_exponential_of_the_reward_if_the_behaviour_follows_it() -> None:
    report = run(alpha=0.3, side=4, steps=2000)
    assert report.tracking < 0.02
    assert report.uniform > 0.1 and report.uniform_to_optimum < 0.02


@pytest.mark.parametrize("alpha", [0.1, 0.3, 1.0])
def test_optimum_under_uniform_actions_is_the_least_loss(alpha: float) -> None:
    reward = rewards(3)

    def loss(logits: np.ndarray) -> float:
        policy = scipy.special.softmax(logits)
        log_policy = scipy.special.log_softmax(logits)
        return float(-np.mean(reward * log_policy) + alpha * np.sum(policy * log_policy))

    optimum = uniform_optimum(reward, alpha)
    assert optimum.sum() == pytest.approx(1.0)
    found = scipy.optimize.minimize(loss, np.zeros(9), tol=1e-10)
    np.testing.assert_allclose(optimum, scipy.special.softmax(found.x), atol=1e-3)


def test_the_experiment_is_a_picture_a_table_and_a_verdict_and_continues(tmp_path: Path) -> None:
    settings, seen = Settings(alphas=(0.3, 1.0), side=3, steps=200), list[int]()
    done = reproduce(tmp_path, seed=3, settings=settings, progress=lambda step, total, text: seen.append(step))
    assert seen == sorted(seen) and seen[-1] == 2 * 2 * 200
    assert [row["α"] for row in done.rows] == [0.3, 1.0] and len(done.verdicts) == 1
    kept = json.loads((tmp_path / "bandit.json").read_text(encoding="utf-8"))
    assert sum(kept["results"]["policies"][0]["tracking"]) == pytest.approx(1.0)
    assert (tmp_path / "bandit.png").stat().st_size < 300_000
    seen.clear()
    assert reproduce(tmp_path, seed=3, settings=settings, progress=lambda step, *_: seen.append(step)) == done
    assert seen == [400, 800], "nothing was learned again"
