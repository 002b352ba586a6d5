"""Collectors and followers that know of each other by logs and checkpoints only."""

import dataclasses
import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from grasp_pipelines import on_policy
from grasp_pipelines.on_policy import Collection, LogFollower, collect_forever, complete_logs
from grasp_pipelines.supervisor import Part, supervise
from grasp_pipelines.trial_log import is_finished, read_trials
from grasp_tfp.config import load_config
from grasp_tfp.errors import GraspError

CONFIG = load_config("laptop", None, ["vision.image_size=16", "vision.filters=[4, 4, 4, 4, 4, 4]",
                                      "vision.strides=[2, 1, 1, 1, 1, 1, 1]", "vision.feature_points=4",
                                      "vision.attended_values=2", "vision.dense=[16, 16]",
                                      "density.components=2", "density.hidden=8"])  # fmt: skip


def collection(folder: Path, model: str = "mof", random_trials: int = 10**6) -> Collection:
    (folder / "logs").mkdir(exist_ok=True)
    return Collection(folder / "logs", folder / "checkpoints", model, CONFIG, "blocks", 3, random_trials)


def after(number: int) -> Callable[[], bool]:
    """Stops before trial `number` + 1."""
    asked = itertools.count()
    return lambda: next(asked) > number


def collect_slowly(job: Collection, stopped: Callable[[], bool]) -> None:
    collect_forever(job, lambda success: time.sleep(0.005), stopped=stopped)


def follow_until(folder: Path, trials: int, stopped: Callable[[], bool]) -> None:
    """A leader that is killed the first time that it sees trials, and is done when it sees enough."""
    follower, seen = LogFollower([folder / "logs"]), 0
    while seen < trials:
        seen += sum(1 for _ in follower())
        if seen and not (folder / "died").exists():
            (folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)


def kill_once(folder: Path, job: Collection, stopped: Callable[[], bool]) -> None:
    """A collector that is killed after its fifth trial."""
    trials = itertools.count(1)

    def count(success: bool) -> None:
        if next(trials) == 5 and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    collect_forever(job, count, stopped=stopped)


def fail(stopped: Callable[[], bool]) -> None:
    raise GraspError("The disk is full.")


def die(stopped: Callable[[], bool]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_collector_and_learner_are_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    job = collection(tmp_path)
    parts = {"learner": Part(follow_until, (tmp_path, 40)), "collector": Part(kill_once, (tmp_path, job), 1)}
    supervise(parts, "learner", lambda: None)
    assert (tmp_path / "died").exists()
    assert (tmp_path / "killed").exists()
    logs = sorted((tmp_path / "logs").glob("*.mcap"))
    before = [[trial.trial_id for trial in read_trials(path)] for path in logs]
    assert len(logs) >= 2
    assert not all(is_finished(path) for path in logs)
    assert len(before[0]) == 5
    complete_logs(tmp_path / "logs")
    assert all(is_finished(path) for path in logs)
    assert [[trial.trial_id for trial in read_trials(path)] for path in logs] == before
    names = [name for log in before for name in log]
    assert len(set(names)) == len(names) >= 40


def test_what_fails_or_dies_again_and_again_ends_the_work() -> None:
    with pytest.raises(GraspError, match="The disk is full"):
        supervise({"learner": Part(fail, ())}, "learner", lambda: None)


def test_a_process_that_is_killed_at_once_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grasp_pipelines.supervisor.MOST_DEATHS", 1)
    with pytest.raises(GraspError, match="The learner was killed by SIGKILL again and again"):
        supervise({"learner": Part(die, ())}, "learner", lambda: None)


def test_a_follower_yields_each_trial_once_while_a_log_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_policy, "LOG_TRIALS", 4)
    job, seen = collection(tmp_path), list[str]()
    follower = LogFollower([tmp_path / "missing", job.logs])
    collect_forever(job, lambda success: seen.extend(trial.trial_id for trial in follower()), stopped=after(8))
    seen += [trial.trial_id for trial in follower()]
    assert sorted(seen) == sorted(t.trial_id for path in job.logs.glob("*.mcap") for t in read_trials(path))
    assert len(set(seen)) == len(seen) >= 6
    assert list(follower()) == []


@pytest.mark.parametrize("model", ["mof", "critic"])
def test_the_newest_checkpoint_collects_and_a_new_collector_takes_new_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(on_policy, "LOG_TRIALS", 2)
    job = collection(tmp_path, model, random_trials=2)
    for step in (1, 2):
        folder = job.checkpoints / f"{step:06d}"
        folder.mkdir(parents=True)
        network = on_policy._build(job)
        network.vision.set_mean_images(*np.full((2, 16, 16, 3), step, np.float32))
        network.set_action_statistics([0.0, 0.0, -0.05, 0.0], [0.02 * step] * 4)
        np.savez(folder / "weights.npz", *network.get_weights())
    collect_forever(job, lambda success: None, stopped=after(5))
    collect_forever(job, lambda success: None, stopped=after(2))
    trials = [t for path in sorted(job.logs.glob("*.mcap")) for t in read_trials(path)]
    policies = [trial.policy for trial in trials]
    assert policies[:2] == ["random", "random"]
    assert set(policies[2:]) == {"cem" if model == "critic" else "exploring"}
    assert len({trial.policy_digest for trial in trials[2:]}) == 1
    assert len({trial.trial_id for trial in trials}) == len(trials)
    if model == "mof":
        assert {trial.num_steps for trial in trials[2:]} == {on_policy.MOVES}


def test_a_collector_waits_for_the_learners_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_policy, "LOG_TRIALS", 2)
    job = dataclasses.replace(collection(tmp_path), random_trials=1, always_random=True, trials_per_step=0.02)
    waited, held = list[int](), list[bool]()

    def sleep(seconds: float) -> None:
        waited.append(len(held))
        (job.checkpoints / f"{250 * len(waited):06d}").mkdir(parents=True)

    monkeypatch.setattr("grasp_pipelines.on_policy.time.sleep", sleep)
    collect_forever(job, held.append, stopped=lambda: len(waited) == 2)
    assert waited == [6, 12]
    trials = [trial for path in sorted(job.logs.glob("*.mcap")) for trial in read_trials(path)]
    assert {trial.policy for trial in trials} == {"random"}
