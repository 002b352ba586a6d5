"""The policies by name, and what each needs to have been trained."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from grasp_tfp.errors import unknown_name
from grasp_tfp.policies.actor import ActorPolicy
from grasp_tfp.policies.critic import ROBOT_SPREAD, ActorCriticPolicy, CemPolicy, GmmCemPolicy
from grasp_tfp.policies.ensemble import EnsemblePolicy
from grasp_tfp.policies.policy import Policy
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.policies.ratio import RatioPolicy

__all__ = ["POLICIES", "Recipe", "find_policy"]


class Recipe(NamedTuple):
    """How to make a policy."""

    roles: tuple[str, ...]
    """What bundles it takes: `actor`, `prior`, `critic`."""

    make: Callable[[Mapping[str, Any], bool], Policy]
    """From a bundle for each role, and whether to search the workspace rather than as on the paper's robots."""


POLICIES = {
    "random": Recipe((), lambda of, sim: RandomPolicy()),
    "actor": Recipe(("actor",), lambda of, sim: ActorPolicy(of["actor"])),
    "ensemble": Recipe(("actor",), lambda of, sim: EnsemblePolicy(of["actor"])),
    "cem": Recipe(("critic",), lambda of, sim: CemPolicy(of["critic"], None if sim else ROBOT_SPREAD)),
    "gmm-cem": Recipe(("critic",), lambda of, sim: GmmCemPolicy(of["critic"], None if sim else ROBOT_SPREAD)),
    "actor-critic": Recipe(("actor", "critic"), lambda of, sim: ActorCriticPolicy(of["actor"], of["critic"])),
    "ratio": Recipe(("actor", "prior"), lambda of, sim: RatioPolicy(of["actor"], of["prior"])),
}


def find_policy(name: str) -> Recipe:
    """The policy of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in POLICIES:
        raise unknown_name("policy", name, POLICIES)
    return POLICIES[name]
