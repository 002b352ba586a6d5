"""The learner: from logs to a policy bundle."""

import dataclasses
import json
from collections.abc import Callable

import pytest

from grasp_pipelines.on_policy.collector import collect_forever
from grasp_pipelines.on_policy.job import OnPolicy
from grasp_pipelines.on_policy.learner import learn
from grasp_tfp.models import bundle


def test_the_learner_ends_with_a_policy_and_a_report(
    job: OnPolicy, after: Callable[[int], Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, told = dataclasses.replace(job, random_trials=60), dict[str, float]()
    collect_forever(job, 0, stopped=after(60))
    monkeypatch.setattr("grasp_tfp.experiments.watching.TRIALS", 4)
    learn(job, lambda **values: told.update(values))
    assert told["step"] == told["steps"] == 3
    assert told["trials"] == 60
    report = json.loads(job.report.read_text(encoding="utf-8"))
    assert {name: report[name] for name in ("steps", "trials", "successes")} == {
        name: told[name] for name in ("steps", "trials", "successes")
    }
    policy = bundle.load(job.run / "bundle", "actor")
    job = dataclasses.replace(job, start=job.run, run=job.run / "next", random_logs=job.logs)
    job.logs.mkdir(parents=True)
    learn(job, lambda **values: None)
    assert bundle.load(job.run / "bundle").manifest["action_mean"] == policy.manifest["action_mean"]
