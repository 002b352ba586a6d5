"""Probabilistic multi-modal actors for vision-based grasping (Yan et al., 2019, arXiv 1904.07319)."""

from pathlib import Path
from typing import Any

__all__ = ["__version__", "load_policy"]

__version__ = "0.1.0"


def load_policy(run: Path | str | None = None) -> Any:
    """Reads and verifies an actor, to ask it for grasps from plain Python. TensorFlow is imported here, not before.

    Args:
        run: A run of `graspctl train`, such as `runs/mof`; by default the actor for blocks that comes with the package.

    Returns:
        A `grasp_tfp.models.bundle.Bundle`.

    Raises:
        BundleRejected: It is incomplete, altered, answers differently here, or is no actor.
    """
    from grasp_tfp.models.bundle import load

    home = Path(__file__).parent / "pretrained" / "blocks" if run is None else Path(run)
    return load(home / "bundle", "actor")
