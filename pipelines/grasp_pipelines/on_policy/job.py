"""What an on-policy training is told."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from grasp_pipelines.trial_log import log_files
from grasp_tfp.config import Config
from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.sim.tasks import find_task

__all__ = ["MODELS", "OnPolicy", "build_network", "check_job"]

MODELS = ("critic", "gmm", "mof", "real-nvp")

SEED = 3_000_000
"""Added to that of the training: of scenes that are in no other collection and no evaluation."""

LEAST_RANDOM = 1000
"""Random trials below which there is hardly a success to begin with."""


@dataclasses.dataclass(frozen=True)
class OnPolicy:
    """How to train on what the policy itself collects."""

    run: Path
    """Folder of the run."""

    model: str
    """One of `MODELS`."""

    config: Config
    task: str
    start: Path | None = None
    """Run whose weights to begin with."""

    random_logs: Path | None = None
    """Logs of random trials to begin with; None to collect them."""

    random_trials: int = 20_000
    """How many random trials to collect to begin with, if there are no logs of them."""

    always_random: bool = False
    """Whether to collect at random all along, to compare."""

    trials_per_step: float = math.inf
    """How many trials collectors and learner agree on for each step; infinite for as many as time allows."""

    collectors: int = 1
    """How many collectors share the logs."""

    trackers: tuple[str, ...] = ()
    """What to log to besides TensorBoard."""

    @property
    def logs(self) -> Path:
        """Where the collectors' logs go."""
        return self.run / "logs"

    @property
    def checkpoints(self) -> Path:
        """Where the learner leaves the averages of its weights."""
        return self.run / "checkpoints"

    @property
    def report(self) -> Path:
        """What the training measured, once it has ended."""
        return self.run / "training.json"

    @property
    def seed(self) -> int:
        """Of the collectors' scenes and policies; the number of a trial makes its scene new."""
        return SEED + self.config.train.seed

    @property
    def random_first(self) -> int:
        """How many random trials the collectors begin with."""
        return 0 if self.random_logs else self.random_trials

    def describe(self) -> dict[str, Any]:
        """What decides the results, as JSON values."""
        return {
            "model": self.model,
            "on_policy": True,
            "task": self.task,
            "from": None if self.start is None else str(self.start),
            "logs": None if self.random_logs is None else str(self.random_logs),
            "random_trials": self.random_trials,
            "always_random": self.always_random,
            "trials_per_step": self.trials_per_step if math.isfinite(self.trials_per_step) else None,
            "config": self.config.to_dict(),
        }


def check_job(job: OnPolicy) -> None:
    """Refuses what cannot be trained.

    Raises:
        UsageError: The model or the task is unknown, or there are no random trials to begin with.
    """
    if job.model not in MODELS:
        raise unknown_name("model to train on-policy", job.model, MODELS)
    find_task(job.task)
    if job.random_logs is not None:
        log_files(job.random_logs)
    elif job.random_trials < LEAST_RANDOM:
        raise UsageError(
            f"Too few random trials to begin with: expected --random-trials of {LEAST_RANDOM} or more, "
            f"received {job.random_trials}. Or give their --logs."
        )


def build_network(job: OnPolicy) -> Any:
    """The untrained network, a `grasp_tfp.models.network.GraspNetwork`."""
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.models.critic import build_critic

    return build_critic(job.config) if job.model == "critic" else build_actor(job.config, job.model)
