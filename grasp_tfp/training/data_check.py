"""Examples that nothing can be learnt from, found before training and said in one line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import UsageError

__all__ = ["check_examples"]

FEWEST = 0.002
"""Share of the examples that must have each label."""

FLAT = 1.0
"""Standard deviation of pixels below which a picture shows nothing."""

FARTHEST = 2.0
"""Longest move of an action [m]."""

HIGHEST_TURN = 3.2
"""Largest turn of an action [rad]."""


def check_examples(inputs: dict[str, Any], target: Any) -> None:
    """Refuses what makes training never converge.

    Args:
        inputs: `image`, `initial_image` and, for a critic, `action`, each with a first axis of examples.
        target: Actions (B, A), or the success of each example (B,).

    Raises:
        UsageError: Images are blank or not 0 to 255, actions are constant, absurd or not finite, or nearly all
            examples have the same label.
    """
    for name in ("image", "initial_image"):
        _check_images(name, np.asarray(inputs[name]))
    labels = np.asarray(target)
    _check_actions(np.asarray(inputs["action"]) if labels.ndim == 1 else labels)
    if labels.ndim == 1:
        share = float(np.mean(labels))
        if not FEWEST <= share <= 1 - FEWEST:
            raise UsageError(f"Nearly all training examples have one label: expected {FEWEST:.1%} of each, found "
                             f"{share:.2%} successes. Convert with another --failures, or collect more.")  # fmt: skip


def _check_images(name: str, images: NDArray[Any]) -> None:
    if images.dtype != np.uint8:
        raise UsageError(f"Wrong {name}: expected RGB from 0 to 255 as uint8, received {images.dtype}.")
    spread = float(np.std(images[: 2**8]))
    if spread < FLAT:
        raise UsageError(f"Every {name} is blank: expected pixels that vary, found a standard deviation of "
                         f"{spread:.2g} of 255. Look at the data with graspctl logs sheet.")  # fmt: skip


def _check_actions(actions: NDArray[Any]) -> None:
    if not np.isfinite(actions).all():
        raise UsageError("An action of the training examples is not finite. Convert the logs again.")
    constant = np.flatnonzero(np.std(actions, axis=0) < 1e-6)
    if len(constant):
        raise UsageError(f"Number {constant[0]} of every action is the same, {actions[0, constant[0]]:.3g}: expected "
                         "actions that vary. Collect with a policy that explores.")  # fmt: skip
    move, turn = float(np.abs(actions[:, :3]).max()), float(np.abs(actions[:, 3:]).max())
    if move > FARTHEST or turn > HIGHEST_TURN:
        raise UsageError(f"Actions are too large: expected at most {FARTHEST} m and {HIGHEST_TURN} rad, found "
                         f"{move:.3g} and {turn:.3g}. Check the units of the logs.")  # fmt: skip
