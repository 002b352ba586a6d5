"""Processes that fail, or are killed again and again, end the work; see on_policy/ for those that are started again."""

import os
import signal
from collections.abc import Callable

import pytest

from grasp_pipelines.supervisor import Part, supervise
from grasp_tfp.errors import GraspError


def fail(stopped: Callable[[], bool]) -> None:
    raise GraspError("The disk is full.")


def die(stopped: Callable[[], bool]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_fails_ends_the_work() -> None:
    with pytest.raises(GraspError, match="The disk is full"):
        supervise({"learner": Part(fail, ())}, "learner", lambda: None)


def test_a_process_that_is_killed_at_once_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grasp_pipelines.supervisor.MOST_DEATHS", 1)
    with pytest.raises(GraspError, match="The learner was killed by SIGKILL again and again"):
        supervise({"learner": Part(die, ())}, "learner", lambda: None)
