"""The actor as a policy: the most probable feasible one of 64 samples (Section VI-B); in few moves, to explore."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.config import NUM_SAMPLES
from grasp_tfp.policies.convergence import converged
from grasp_tfp.policies.policy import MAX_ACTIONS, VisualPolicy
from grasp_tfp.robots.robot import Observation, Robot

__all__ = ["MOVES", "ActorPolicy", "ExploringPolicy", "Sampler", "best_feasible", "feasible_actions", "sample_actions"]

Floats = NDArray[np.float64]

MOVES = 2
"""Moves of an exploring trial: one there from anywhere, and one from near it; the rest of the time is the grasp's."""


class Sampler(Protocol):
    """Anything that samples actions for a batch of observations, such as a loaded bundle."""

    @property
    def digest(self) -> str:
        """SHA-256 of what was learnt."""

    def act(self, image: Any, initial_image: Any, noise: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Actions (B, n, 4) [m, rad] and their log-densities (B, n).

        Args:
            image: uint8, (B, S, S, 3).
            initial_image: uint8, (B, S, S, 3).
            noise: (B, n, 5), four standard normal numbers and one uniform in [0, 1) for each sample.
        """


def sample_actions(sampler: Sampler, seen: Observation, rngs: Sequence[np.random.Generator]) -> tuple[Floats, Floats]:
    """Actions (B, n, 4) [m, rad] and their log-densities (B, n) for B observations, each from its own generator."""
    noise = [
        np.concatenate([rng.standard_normal((NUM_SAMPLES, 4)), rng.random((NUM_SAMPLES, 1))], axis=1) for rng in rngs
    ]
    actions, log_probs = sampler.act(*seen, np.array(noise, np.float32))
    return np.asarray(actions, np.float64), np.asarray(log_probs, np.float64)


def feasible_actions(robots: Sequence[Robot], actions: Floats) -> NDArray[np.bool_]:
    """Which of the actions (B, n, 4) its robot can make, (B, n)."""
    return np.stack([robot.feasible(own) for robot, own in zip(robots, actions, strict=True)])


def best_feasible(scores: Floats, feasible: NDArray[np.bool_]) -> list[int | None]:
    """The feasible action of the highest score for each robot; kinematics decide first (Section VI-B).

    Args:
        scores: (B, n).
        feasible: (B, n).

    Returns:
        A number below n for each robot, None where nothing is feasible.
    """
    best = np.argmax(np.where(feasible, scores, -np.inf), axis=-1)
    return [int(index) if own.any() else None for index, own in zip(best, feasible, strict=True)]


class ActorPolicy(VisualPolicy):
    """Samples from the actor, goes to the most probable feasible sample, and grasps when it stays put."""

    name = "actor"

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.digest = sampler.digest

    def decide(
        self, robots: Sequence[Robot], seen: Observation, rngs: Sequence[np.random.Generator]
    ) -> list[Floats | None]:
        """The feasible sample of the highest density, for each robot."""
        actions, log_probs = sample_actions(self._sampler, seen, rngs)
        chosen = best_feasible(self.score(seen, actions, log_probs), feasible_actions(robots, actions))
        return [None if index is None else own[index] for own, index in zip(actions, chosen, strict=True)]

    def score(self, seen: Observation, actions: Floats, log_probs: Floats) -> Floats:
        """How good the actions (B, n, 4) are, (B, n): as probable as the actor finds them."""
        return log_probs

    def stop(self, step: int, move: Floats, rng: np.random.Generator) -> str | None:
        """Stops when the robot has converged, and after 10 actions at the latest (Section V)."""
        if converged(move):
            return "converged"
        return "max-actions" if step >= MAX_ACTIONS else None


class ExploringPolicy(ActorPolicy):
    """The actor in few moves: for collecting data, where a trial more is worth more than a move more."""

    name = "exploring"

    def stop(self, step: int, move: Floats, rng: np.random.Generator) -> str | None:
        """Stops after `MOVES`."""
        return "num-actions" if step >= MOVES else None
