"""When a sequence of moves has arrived (Section V)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["POSITION_TOLERANCE", "STAY_SHARE", "YAW_TOLERANCE", "converged", "stay_action", "stays"]

Floats = NDArray[np.float64]

POSITION_TOLERANCE = 0.005
"""[m] (Section V)."""

YAW_TOLERANCE = float(np.radians(2))
"""[rad] (Section V)."""

STAY_SHARE = 0.95
"""Share of the best action's value above which the zero action is good enough (Section V)."""


def converged(move: Floats) -> bool:
    """Whether the move (4,) that the robot really made was below 5 mm and 2° (Section V).

    The commanded move would not do: its last part is the descent, which belongs to the grasp.
    """
    return bool(np.linalg.norm(move[:3]) < POSITION_TOLERANCE and abs(move[3]) < YAW_TOLERANCE)


def stay_action(action: Floats) -> Floats:
    """The zero action that a critic compares with `action` (..., 4): to grasp right here.

    It keeps the descent of that action, which belongs to the grasp and which every recorded action has.
    """
    zero = np.zeros_like(action)
    zero[..., 2] = action[..., 2]
    return zero


def stays(stay_value: float, best_value: float) -> bool:
    """Whether the critic finds the zero action as good as its best one (Section V)."""
    return stay_value > STAY_SHARE * best_value
