"""A collector: random trials first, then those of the newest checkpoint, each of a new scene."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from grasp_pipelines.on_policy import collector
from grasp_pipelines.on_policy.collector import collect_forever
from grasp_pipelines.on_policy.job import OnPolicy, build_network
from grasp_pipelines.trial_log import read_trials
from grasp_tfp.policies.actor import MOVES
from grasp_tfp.trial import Trial


def collected(job: OnPolicy) -> list[Trial]:
    return [trial for path in sorted(job.logs.glob("*.mcap")) for trial in read_trials(path)]


@pytest.mark.parametrize("model", ["mof", "critic"])
def test_the_newest_checkpoint_collects_and_a_new_collector_takes_new_scenes(
    job: OnPolicy, after: Callable[[int], Callable[[], bool]], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(collector, "LOG_TRIALS", 2)
    job = dataclasses.replace(job, model=model, random_trials=2)
    for step in (1, 2):
        folder = job.checkpoints / f"{step:06d}"
        folder.mkdir(parents=True)
        network = build_network(job)
        network.vision.set_mean_images(*np.full((2, 16, 16, 3), step, np.float32))
        network.set_action_statistics([0.0, 0.0, -0.05, 0.0], [0.02 * step] * 4)
        np.savez(folder / "weights.npz", *network.get_weights())
    collect_forever(job, 0, stopped=after(6))
    collect_forever(job, 0, stopped=after(3))
    trials = collected(job)
    policies = [trial.policy for trial in trials]
    assert policies[:2] == ["random", "random"]
    assert set(policies[2:]) == {"cem" if model == "critic" else "exploring"}
    assert len({trial.policy_digest for trial in trials[2:]}) == 1
    assert len({trial.trial_id for trial in trials}) == len(trials)
    if model == "mof":
        assert {trial.num_steps for trial in trials[2:]} == {MOVES}


def test_collectors_share_the_scenes(
    job: OnPolicy, after: Callable[[int], Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "LOG_TRIALS", 2)
    job = dataclasses.replace(job, collectors=2)
    for number in (0, 1):
        collect_forever(job, number, stopped=after(6))
    assert sorted(int(path.stem.rpartition("-")[2]) for path in job.logs.iterdir()) == [0, 2, 4, 6]
    assert len({trial.trial_id for trial in collected(job)}) == len(collected(job)) >= 6


def test_a_collector_waits_for_the_learners_steps(job: OnPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LOG_TRIALS", 2)
    job = dataclasses.replace(job, random_trials=1, always_random=True, trials_per_step=0.02)
    waited = list[int]()

    def sleep(seconds: float) -> None:
        waited.append(len(collected(job)))
        (job.checkpoints / f"{250 * len(waited):06d}").mkdir(parents=True)

    monkeypatch.setattr("grasp_pipelines.on_policy.collector.time.sleep", sleep)
    collect_forever(job, 0, stopped=lambda: len(waited) == 2)
    assert waited == [6, 12]
    assert {trial.policy for trial in collected(job)} == {"random"}
