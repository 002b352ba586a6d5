"""The cross-entropy method (CEM): a search for the action that a critic values most (Section VI-B).

The Gaussian is refitted to the best actions of each iteration. Dex-Net's planner refits a mixture of Gaussians
instead, which does not average two objects into the gap between them.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import wrap_yaw

__all__ = ["GAUSSIAN", "MIXTURE", "Gaussians", "Iteration", "Search", "fit_gaussians", "search"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

EM_STEPS = 10
SMALLEST_SPREAD = np.array([1e-3, 1e-3, 1e-3, math.radians(0.5)])
"""Standard deviation that a refitted Gaussian keeps [m, rad]."""


@dataclasses.dataclass(frozen=True)
class Search:
    """How much is searched; the defaults are the paper's."""

    iterations: int = 3
    population: int = 64
    elite_share: float = 0.1
    """The best actions that the next iteration is fitted to: 6 of 64."""

    component_share: float = 0.0
    """Gaussians for each of them; 0 for a single one."""

    @property
    def elites(self) -> int:
        """How many actions are refitted to."""
        return max(int(self.elite_share * self.population), 1)

    @property
    def components(self) -> int:
        """How many Gaussians."""
        return max(math.ceil(self.component_share * self.elites), 1)


GAUSSIAN = Search()
MIXTURE = Search(elite_share=0.25, component_share=0.4)
"""A mixture like that of Dex-Net's gqcnn: the best quarter, four Gaussians for every ten of them."""


class Gaussians(NamedTuple):
    """A mixture of K diagonal Gaussians over actions for each of B observations."""

    weight: Floats
    """(B, K)."""

    mean: Floats
    """(B, K, 4) [m, rad]."""

    spread: Floats
    """Standard deviations, (B, K, 4) [m, rad]."""

    def sample(self, number: int, rngs: Sequence[np.random.Generator]) -> Floats:
        """Actions (B, number, 4), each observation's from its own generator."""
        normal = np.stack([rng.standard_normal((number, 4)) for rng in rngs])
        uniform = np.stack([rng.random(number) for rng in rngs])
        below = np.cumsum(self.weight, axis=-1)[:, None, :-1] <= uniform[..., None]
        rows, chosen = np.arange(len(rngs))[:, None], below.sum(axis=-1)
        actions: Floats = self.mean[rows, chosen] + self.spread[rows, chosen] * normal
        actions[..., 3] = wrap_yaw(actions[..., 3])
        return actions


class Iteration(NamedTuple):
    """What one iteration tried."""

    actions: Floats
    """(B, n, 4) [m, rad]."""

    values: Floats
    """The critic's, (B, n)."""

    feasible: Mask
    """(B, n)."""


def search(
    start: Gaussians,
    value: Callable[[Floats], Floats],
    feasible: Callable[[Floats], Mask],
    rngs: Sequence[np.random.Generator],
    how: Search = GAUSSIAN,
) -> list[Iteration]:
    """Searches for B observations at once.

    Args:
        start: Where to sample first, one Gaussian for each observation.
        value: The critic's values (B, n) of actions (B, n, 4).
        feasible: Which of the actions can be made; others never are among the best.
        rngs: The source of each observation's random choices.
        how: How much is searched.

    Returns:
        Every iteration; the policy takes the best action of the last.
    """
    tried, gaussians = list[Iteration](), start
    for _ in range(how.iterations):
        actions = gaussians.sample(how.population, rngs)
        tried.append(Iteration(actions, value(actions), feasible(actions)))
        gaussians = _refitted(gaussians, tried[-1], how)
    return tried


def fit_gaussians(actions: Floats, weight: Floats, components: int) -> Gaussians:
    """Fits a mixture of Gaussians by expectation maximisation; a turn counts the shorter way round.

    Args:
        actions: (B, m, 4), the best first: the Gaussians begin at the first ones of them.
        weight: 1 for an action that counts and 0 for one that does not, (B, m).
        components: Gaussians for each observation, K.
    """
    centre = _centre(actions, weight)
    whole = np.sqrt((_offsets(actions, centre)[:, 0] ** 2 * weight[..., None]).sum(1) / weight.sum(1)[:, None])
    spread = np.maximum(whole, SMALLEST_SPREAD)[:, None]
    if components == 1:
        return Gaussians(np.ones((len(actions), 1)), centre, spread)
    mean = actions[:, :components].copy()
    spread = np.repeat(spread, components, axis=1)
    share = np.maximum(weight[:, :components], 1e-9)
    share /= share.sum(-1, keepdims=True)
    floor = np.maximum(0.1 * spread[:, :1], SMALLEST_SPREAD)
    for _ in range(EM_STEPS):
        offsets = _offsets(actions, mean)
        log_prob = np.log(share)[..., None] - (0.5 * (offsets / spread[:, :, None]) ** 2).sum(-1)
        log_prob -= np.log(spread).sum(-1)[..., None]
        part = np.exp(log_prob - log_prob.max(axis=1, keepdims=True))
        part *= weight[:, None] / part.sum(axis=1, keepdims=True)
        total = np.maximum(part.sum(-1), 1e-9)
        shift = (part[..., None] * offsets).sum(2) / total[..., None]
        spread = np.sqrt((part[..., None] * (offsets - shift[:, :, None]) ** 2).sum(2) / total[..., None] + floor**2)
        mean = mean + shift
        mean[..., 3] = wrap_yaw(mean[..., 3])
        share = total / total.sum(-1, keepdims=True)
    return Gaussians(share, mean, spread)


def _refitted(gaussians: Gaussians, iteration: Iteration, how: Search) -> Gaussians:
    """The Gaussians of the next iteration; where nothing was feasible, those of the last."""
    order = np.argsort(-np.where(iteration.feasible, iteration.values, -np.inf), axis=-1, kind="stable")
    best = order[:, : how.elites]
    actions = np.take_along_axis(iteration.actions, best[..., None], axis=1)
    weight = np.take_along_axis(iteration.feasible, best, axis=1).astype(np.float64)
    none: Mask = np.logical_not(iteration.feasible.any(axis=-1))
    fitted = fit_gaussians(actions, np.where(none[:, None], 1.0, weight), how.components)
    if not none.any():
        return fitted
    old = _widened(gaussians, how.components)
    return Gaussians(
        np.where(none[:, None], old.weight, fitted.weight),
        np.where(none[:, None, None], old.mean, fitted.mean),
        np.where(none[:, None, None], old.spread, fitted.spread),
    )


def _widened(gaussians: Gaussians, components: int) -> Gaussians:
    """The same mixture, of as many Gaussians."""
    have = gaussians.weight.shape[1]
    if have == components:
        return gaussians
    weight = np.repeat(gaussians.weight / components, components, axis=1)
    return Gaussians(weight, *(np.repeat(part, components, axis=1) for part in gaussians[1:]))


def _centre(actions: Floats, weight: Floats) -> Floats:
    """The mean action (B, 1, 4), its turn as the mean direction of a jaw that looks the same after half a turn."""
    share = weight / weight.sum(-1, keepdims=True)
    mean: Floats = (share[..., None] * actions).sum(1, keepdims=True)
    double = 2 * actions[..., 3]
    turn = np.arctan2((share * np.sin(double)).sum(-1), (share * np.cos(double)).sum(-1)) / 2
    mean[..., 3] = wrap_yaw(turn)[:, None]
    return mean


def _offsets(actions: Floats, mean: Floats) -> Floats:
    """Actions (B, m, 4) relative to means (B, K, 4), (B, K, m, 4)."""
    offsets: Floats = actions[:, None] - mean[:, :, None]
    offsets[..., 3] = wrap_yaw(offsets[..., 3])
    return offsets
