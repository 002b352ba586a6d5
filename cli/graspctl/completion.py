"""What the shell completes: names that are known here and now. None of it imports TensorFlow or Beam."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from grasp_tfp.errors import GraspError
from graspctl.runs import RUNS

__all__ = ["POLICY_NAMES", "among", "policies", "presets", "robots", "robots_or_all", "runs", "tasks"]

POLICY_NAMES = ("actor", "actor-critic", "cem", "ensemble", "gmm-cem", "random", "ratio")
"""Those of `grasp_tfp.policies.catalogue`, whose import takes too long for a key press."""


def robots(incomplete: str) -> list[str]:
    """Robots of the fleet file; none if it cannot be read, which the command itself will say."""
    from grasp_tfp.robots.fleet import load_fleet

    try:
        return _matching(load_fleet(), incomplete)
    except GraspError:
        return []


def robots_or_all(incomplete: str) -> list[str]:
    """Robots of the fleet file, and all of them."""
    return [*robots(incomplete), *_matching(["all"], incomplete)]


def runs(incomplete: str) -> list[str]:
    """Runs with a policy, of `runs/` or of the folder that has been typed."""
    folder = Path(os.path.dirname(incomplete)) if "/" in incomplete else RUNS
    return _matching(sorted(str(bundle.parent) for bundle in folder.glob("*/bundle")), incomplete)


def tasks(incomplete: str) -> list[str]:
    """Tasks of the simulator, those of installed packages too."""
    from grasp_tfp.sim.tasks import task_names

    return _matching(task_names(), incomplete)


def presets(incomplete: str) -> list[str]:
    """Presets of a training run."""
    from grasp_tfp.config import PRESETS

    return _matching(PRESETS, incomplete)


def policies(incomplete: str) -> list[str]:
    """Policies, the last one of those that are joined by commas; none is offered twice."""
    *before, last = incomplete.split(",")
    names = _matching((name for name in POLICY_NAMES if name not in before), last)
    return [",".join([*before, name]) for name in names]


def among(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Completes one of some fixed names."""
    return lambda incomplete: _matching(names, incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
