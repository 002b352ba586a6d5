"""Where the on-policy loss of Section IV-B leads: π ∝ exp(r/α), if the behaviour follows the policy.

The actions are the cells of a square grid. The policy is a Gaussian mixture with one narrow Gaussian in every cell and
weights to learn, so that it can be any distribution over the cells, and its loss is the one that actors are trained on.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import scipy.optimize
import scipy.special
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.models.gmm import GaussianMixture
from grasp_tfp.models.losses import on_policy_loss

__all__ = ["BanditReport", "run", "uniform_optimum"]

Floats = NDArray[np.float64]

SPREAD = 0.1
"""Standard deviation of a Gaussian, in cells."""


@dataclasses.dataclass(frozen=True)
class BanditReport:
    """What the policy became; distances are total variations."""

    alpha: float
    cells: int
    steps: int
    seed: int

    tracking: float
    """Distance to exp(r/α) when every action is drawn from the policy as it is."""

    uniform: float
    """Distance to exp(r/α) when every action is drawn uniformly."""

    uniform_to_optimum: float
    """Distance of the same policy to the optimum of the loss with uniform actions, which `uniform_optimum` computes."""


def run(alpha: float = 0.3, side: int = 6, steps: int = 3000, batch: int = 512, seed: int = 0) -> BanditReport:
    """Learn both policies.

    Args:
        alpha: Weight of the entropy, α.
        side: Cells along an edge of the grid.
        steps: Optimisation steps.
        batch: Actions in a step.
        seed: Start of every random choice.
    """
    reward = rewards(side)
    wanted = scipy.special.softmax(reward / alpha)
    tracking, uniform = (_learn(reward, alpha, follow, steps, batch, seed) for follow in (True, False))
    return BanditReport(
        alpha=alpha,
        cells=len(reward),
        steps=steps,
        seed=seed,
        tracking=_total_variation(tracking, wanted),
        uniform=_total_variation(uniform, wanted),
        uniform_to_optimum=_total_variation(uniform, uniform_optimum(reward, alpha)),
    )
