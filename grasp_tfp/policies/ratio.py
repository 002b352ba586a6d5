"""The success actor over the prior actor: how much more often an action is seen among successes (Section VII)."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.policies.actor import ActorPolicy, Sampler
from grasp_tfp.robots.robot import Observation

__all__ = ["Density", "RatioPolicy"]

Floats = NDArray[np.float64]


class Density(Protocol):
    """Anything that knows how probable actions are, such as a loaded bundle."""

    @property
    def digest(self) -> str:
        """SHA-256 of what was learnt."""

    def log_prob(self, image: Any, initial_image: Any, action: Any) -> NDArray[np.float32]:
        """Log-densities (B, n) of actions (B, n, 4) [m, rad] for images uint8 (B, S, S, 3)."""


class RatioPolicy(ActorPolicy):
    """Samples from the success actor and takes the sample with the highest quotient of both densities.

    Where all actions were tried equally often, it chooses as the actor does; where some were tried more often, the
    quotient, in proportion to the probability of success, does not mistake their frequency for their quality.
    """

    name = "ratio"

    def __init__(self, success: Sampler, prior: Density) -> None:
        """Join two actors.

        Args:
            success: Trained on successful actions.
            prior: Trained on all actions tried.
        """
        super().__init__(success)
        self._prior = prior
        self.digest = f"{success.digest}+{prior.digest}"

    def score(self, seen: Observation, actions: Floats, log_probs: Floats) -> Floats:
        """The log of the quotient (B, n)."""
        return log_probs - np.asarray(self._prior.log_prob(*seen, actions), np.float64)
