"""The actor as a policy: the most probable feasible one of 64 samples (Section VI-B), or any one to explore."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.policies.convergence import converged
from grasp_tfp.policies.policy import MAX_ACTIONS, Policy
from grasp_tfp.robots.robot import Observation, Robot

__all__ = ["ActorPolicy", "ExploringPolicy", "Sampler", "sample_actions"]

Floats = NDArray[np.float64]


class Sampler(Protocol):
    """Anything that samples actions for a batch of observations, such as a loaded bundle."""

    @property
    def digest(self) -> str:
        """SHA-256 of what was learnt."""

    def act(self, image: Any, initial_image: Any, seed: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Actions (B, n, 4) [m, rad] and their log-densities (B, n), for images uint8 (B, S, S, 3)."""


def sample_actions(sampler: Sampler, observation: Observation, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Actions (n, 4) [m, rad] and their log-densities (n,) for one observation."""
    actions, log_probs = sampler.act(
        observation.image[None], observation.initial_image[None], rng.integers(2**31, size=2)
    )
    return np.asarray(actions[0], np.float64), np.asarray(log_probs[0], np.float64)


class ActorPolicy(Policy):
    """Samples from the actor, goes to the most probable feasible sample, and grasps when it stays put."""

    name = "actor"

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.digest = sampler.digest

    def choose(self, robot: Robot, rng: np.random.Generator) -> Floats | None:
        """The feasible sample of the highest density."""
        actions, log_probs = sample_actions(self._sampler, robot.observe(), rng)
        feasible = robot.feasible(actions)
        if not feasible.any():
            return None
        return np.asarray(actions[np.argmax(np.where(feasible, log_probs, -np.inf))])

    def stop(self, step: int, move: Floats, rng: np.random.Generator) -> str | None:
        """Stops when the robot has converged, and after 10 actions at the latest (Section V)."""
        if converged(move):
            return "converged"
        return "max-actions" if step >= MAX_ACTIONS else None


class ExploringPolicy(ActorPolicy):
    """Samples each move from the actor's density, as far as it is feasible: for collecting data."""

    name = "exploring"

    def choose(self, robot: Robot, rng: np.random.Generator) -> Floats | None:
        """A feasible sample, each with the same chance."""
        actions, _ = sample_actions(self._sampler, robot.observe(), rng)
        feasible = actions[robot.feasible(actions)]
        return feasible[rng.integers(len(feasible))] if len(feasible) else None
