"""Whether a grasp held an object, found from two pictures of the tray or by asking the operator (Section V)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.labelling import LABEL_SOURCE, ImageDifference, Label
from grasp_tfp.robots.camera import scaled
from grasp_tfp.robots.operator import ask_outcome

__all__ = ["OPERATOR", "ImageJudge", "Judge", "Judgement", "OperatorJudge"]

Picture = NDArray[np.uint8]

OPERATOR = "operator"
"""Label source of trials that a person labelled."""


class Judgement(NamedTuple):
    """Whether an object was held."""

    success: bool
    source: str
    """What decided, such as `image-difference`."""


Judge = Callable[[Picture, Picture], Judgement]
"""Takes the pictures after the grasp and after the drop, with the arm out of view; raises where nothing can decide."""


class OperatorJudge:
    """Asks the operator.

    Args:
        name: The robot's.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, post_grasp: Picture, post_drop: Picture) -> Judgement:
        """Asks whether an object was held.

        Raises:
            RobotError: The trial is void: the operator says so, or there is nobody to ask.
        """
        return Judgement(ask_outcome(self._name, ""), OPERATOR)


class ImageJudge:
    """Decides by the pictures, and asks the operator only where they do not tell.

    Args:
        name: The robot's.
        labels: Learned from pictures of its tray.
    """

    def __init__(self, name: str, labels: ImageDifference) -> None:
        self._name, self._labels = name, labels

    def __call__(self, post_grasp: Picture, post_drop: Picture) -> Judgement:
        """Compares the pictures.

        Raises:
            RobotError: They do not tell, and the trial is void as with `OperatorJudge`.
        """
        labels = self._labels
        size = len(labels.mask)
        label, found = labels.label(scaled(post_grasp, size), scaled(post_drop, size))
        if label is not Label.ASK:
            return Judgement(label is Label.SUCCESS, LABEL_SOURCE)
        why = (
            f"the two pictures of the tray differ by {found.score:.1f}, a failure by at most "
            f"{labels.failure_below:.1f} and a success by at least {labels.success_above:.1f}"
            if found.aligned
            else "the camera moved too far between the two pictures of the tray"
        )
        return Judgement(ask_outcome(self._name, why), OPERATOR)
