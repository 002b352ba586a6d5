"""When a sequence of moves has arrived (Section V)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["POSITION_TOLERANCE", "YAW_TOLERANCE", "converged"]

POSITION_TOLERANCE = 0.005
"""[m] (Section V)."""

YAW_TOLERANCE = float(np.radians(2))
"""[rad] (Section V)."""


def converged(move: NDArray[np.float64]) -> bool:
    """Whether the move (4,) that the robot really made was below 5 mm and 2° (Section V).

    The commanded move would not do: its last part is the descent, which belongs to the grasp.
    """
    return bool(np.linalg.norm(move[:3]) < POSITION_TOLERANCE and abs(move[3]) < YAW_TOLERANCE)
