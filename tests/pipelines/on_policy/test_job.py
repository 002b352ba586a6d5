"""What cannot be trained on-policy is refused before anything is written."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from grasp_pipelines.on_policy.job import OnPolicy, check_job
from grasp_tfp.errors import UsageError


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "joint"}, r"[Uu]nknown model to train on-policy 'joint'"),
        ({"task": "bricks"}, "'bricks'"),
        ({"random_trials": 999}, "expected --random-trials of 1000 or more, received 999"),
        ({"random_logs": Path("missing")}, "missing"),
    ],
)
def test_what_cannot_be_trained_is_refused(job: OnPolicy, changed: dict[str, Any], message: str) -> None:
    check_job(job)
    with pytest.raises(UsageError, match=message):
        check_job(dataclasses.replace(job, **changed))


def test_with_logs_to_begin_with_no_random_trial_is_collected(job: OnPolicy) -> None:
    assert (job.random_first, dataclasses.replace(job, random_logs=Path("logs")).random_first) == (10**6, 0)
