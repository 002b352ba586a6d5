"""Logs that grow while they are read, and whose writers are killed."""

import itertools
import os
import signal
import time
from collections.abc import Callable

import pytest

from grasp_pipelines.on_policy import collector
from grasp_pipelines.on_policy.collector import collect_forever
from grasp_pipelines.on_policy.job import OnPolicy
from grasp_pipelines.on_policy.logs import LogFollower, complete_logs
from grasp_pipelines.supervisor import Part, supervise
from grasp_pipelines.trial_log import is_finished, read_trials


def follow_until(job: OnPolicy, trials: int, stopped: Callable[[], bool]) -> None:
    """A leader that is killed the first time that it sees trials, and is done when it sees enough."""
    follower, seen = LogFollower(job.logs), 0
    while seen < trials:
        seen += sum(1 for _ in follower())
        if seen and not (job.run / "died").exists():
            (job.run / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)


def kill_once(job: OnPolicy, stopped: Callable[[], bool]) -> None:
    """A collector that is killed after its fifth trial."""
    asked = itertools.count()

    def killed() -> bool:
        if next(asked) == 5 and not (job.run / "killed").exists():
            (job.run / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return stopped()

    collect_forever(job, 0, stopped=killed)


def test_collector_and_learner_are_killed_and_nothing_is_lost(job: OnPolicy) -> None:
    parts = {"learner": Part(follow_until, (job, 40)), "collector": Part(kill_once, (job,), 1)}
    supervise(parts, "learner", lambda: None)
    assert (job.run / "died").exists()
    assert (job.run / "killed").exists()
    logs = sorted(job.logs.glob("*.mcap"))
    before = [[trial.trial_id for trial in read_trials(path)] for path in logs]
    assert len(logs) >= 2
    assert not all(is_finished(path) for path in logs)
    assert len(before[0]) == 5
    complete_logs(job.logs)
    assert all(is_finished(path) for path in logs)
    assert [[trial.trial_id for trial in read_trials(path)] for path in logs] == before
    names = [name for log in before for name in log]
    assert len(set(names)) == len(names) >= 40


def test_a_follower_yields_each_trial_once_while_a_log_grows(job: OnPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LOG_TRIALS", 4)
    follower, seen, asked = LogFollower(job.logs), list[str](), itertools.count()

    def follow() -> bool:
        seen.extend(trial.trial_id for trial in follower())
        return next(asked) > 8

    collect_forever(job, 0, stopped=follow)
    seen += [trial.trial_id for trial in follower()]
    assert sorted(seen) == sorted(t.trial_id for path in job.logs.glob("*.mcap") for t in read_trials(path))
    assert len(set(seen)) == len(seen) >= 6
    assert list(follower()) == []
    assert list(LogFollower(job.run / "missing")()) == []
