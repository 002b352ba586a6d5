"""Policies that ask a critic: CEM on its own, and the actor's samples scored again (Section VI-D)."""

import abc
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.policies.actor import Sampler, best_feasible, feasible_actions, sample_actions
from grasp_tfp.policies.cem import GAUSSIAN, MIXTURE, Gaussians, Iteration, Search, search
from grasp_tfp.policies.convergence import converged, stay_action, stays
from grasp_tfp.policies.policy import MAX_ACTIONS, VisualPolicy
from grasp_tfp.robots.robot import Observation, Robot

__all__ = ["ROBOT_SPREAD", "ActorCriticPolicy", "CemPolicy", "CriticPolicy", "GmmCemPolicy", "Scorer"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROBOT_SPREAD = (0.15, 0.15, 0.06, math.pi / 2)
"""Standard deviations of the first Gaussian on the paper's robots [m, rad] (Section VI-D)."""


class Scorer(Protocol):
    """Anything that values actions for a batch of observations, such as a loaded bundle."""

    @property
    def digest(self) -> str:
        """SHA-256 of what was learnt."""

    @property
    def manifest(self) -> dict[str, Any]:
        """What is known of it; `action_mean` and `action_std` tell which actions it learnt from."""

    def encode(self, image: Any, initial_image: Any) -> Any:
        """What the critic sees in images uint8 (B, S, S, 3), once for any number of actions."""

    def value(self, seen: Any, action: Any) -> NDArray[np.float32]:
        """Probabilities (B, n) that actions (B, n, 4) [m, rad] succeed."""


class CriticPolicy(VisualPolicy):
    """Proposes actions and goes where the critic values the feasible ones most.

    It stays, and grasps, when the zero action is worth more than 0.95 of that (Section V).
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.digest = scorer.digest

    @abc.abstractmethod
    def propose(
        self, robots: Sequence[Robot], seen: Observation, code: Any, rngs: Sequence[np.random.Generator]
    ) -> Iteration:
        """The actions to choose from, with their values.

        Args:
            robots: Where to move.
            seen: What they see.
            code: What the critic sees in it.
            rngs: The source of each one's random choices.
        """

    def decide(
        self, robots: Sequence[Robot], seen: Observation, rngs: Sequence[np.random.Generator]
    ) -> list[Floats | None]:
        """The most valuable feasible proposal of each robot, or the zero action."""
        code = self._scorer.encode(*seen)
        actions, values, feasible = self.propose(robots, seen, code, rngs)
        chosen = best_feasible(values, feasible)
        rows = np.arange(len(robots))
        best = np.array([index or 0 for index in chosen])
        stay_values = self._value(code, stay_action(actions[rows, best])[:, None])[:, 0]
        return [
            None if index is None else np.zeros(4) if stays(stay_value, own_values[index]) else own[index]
            for index, own, own_values, stay_value in zip(chosen, actions, values, stay_values, strict=True)
        ]

    def stop(self, step: int, move: Floats, rng: np.random.Generator) -> str | None:
        """Stops when the robot stayed where it was, and after 10 actions at the latest (Section V)."""
        if converged(move):
            return "converged"
        return "max-actions" if step >= MAX_ACTIONS else None

    def _value(self, code: Any, actions: Floats) -> Floats:
        return np.asarray(self._scorer.value(code, actions), np.float64)


class CemPolicy(CriticPolicy):
    """CEM: three iterations of 64 actions, the best one of the last (Section VI-B)."""

    name = "cem"
    how: Search = GAUSSIAN

    def __init__(self, scorer: Scorer, spread: Sequence[float] | None = None) -> None:
        """Search with a critic.

        Args:
            scorer: The critic.
            spread: Standard deviations of the first Gaussian [m, rad], such as `ROBOT_SPREAD`; the robot's workspace
                if None.
        """
        super().__init__(scorer)
        self._spread = None if spread is None else np.asarray(spread, np.float64)

    def propose(
        self, robots: Sequence[Robot], seen: Observation, code: Any, rngs: Sequence[np.random.Generator]
    ) -> Iteration:
        """What the last iteration tried."""
        return self.iterations(robots, code, rngs)[-1]

    def iterations(self, robots: Sequence[Robot], code: Any, rngs: Sequence[np.random.Generator]) -> list[Iteration]:
        """What every iteration tried."""
        return search(
            self._start(robots),
            lambda actions: self._value(code, actions),
            lambda actions: feasible_actions(robots, actions),
            rngs,
            self.how,
        )

    def _start(self, robots: Sequence[Robot]) -> Gaussians:
        """The first Gaussian; its descent is that of the actions that the critic knows."""
        descent = (self._scorer.manifest["action_mean"][2], self._scorer.manifest["action_std"][2])
        if self._spread is not None:
            mean, spread = (
                np.array([[0.0, 0.0, descent[0], 0.0]] * len(robots)),
                np.tile(self._spread, (len(robots), 1)),
            )
        else:
            mean = np.array([[*_to_centre(robot), descent[0], 0.0] for robot in robots])
            half = np.array([robot.cell["workspace"]["half_width"] for robot in robots]) / math.sqrt(3)
            spread = np.stack([half, half, np.full_like(half, descent[1]), np.full_like(half, math.pi / 12**0.5)], -1)
        return Gaussians(np.ones((len(robots), 1)), mean[:, None], spread[:, None])


def _to_centre(robot: Robot) -> Floats:
    return np.asarray(robot.cell["tray"]["centre"], np.float64) - robot.pose[:2]


class GmmCemPolicy(CemPolicy):
    """CEM with a mixture of Gaussians, as in Dex-Net's planner."""

    name = "gmm-cem"
    how = MIXTURE


class ActorCriticPolicy(CriticPolicy):
    """The actor proposes 64 actions, the critic chooses (Section VI-D)."""

    name = "actor-critic"

    def __init__(self, sampler: Sampler, scorer: Scorer) -> None:
        """Join an actor and a critic."""
        super().__init__(scorer)
        self._sampler = sampler
        self.digest = sampler.digest if sampler.digest == scorer.digest else f"{sampler.digest}+{scorer.digest}"

    def propose(
        self, robots: Sequence[Robot], seen: Observation, code: Any, rngs: Sequence[np.random.Generator]
    ) -> Iteration:
        """The actor's samples."""
        actions, _ = sample_actions(self._sampler, seen, rngs)
        return Iteration(actions, self._value(code, actions), feasible_actions(robots, actions))
