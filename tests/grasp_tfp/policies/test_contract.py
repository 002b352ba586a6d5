"""What every policy keeps to, with networks too small to be any good."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.config import Config, CriticConfig, DensityConfig, VisionConfig
from grasp_tfp.errors import UsageError
from grasp_tfp.models.actor import build_actor
from grasp_tfp.models.bundle import Bundle, in_memory
from grasp_tfp.models.joint import build_joint
from grasp_tfp.policies.catalogue import POLICIES, find_policy
from grasp_tfp.policies.policy import Policy, VisualPolicy, observe, run_trial, run_trials
from grasp_tfp.robots.sim import SimRobot

CONFIG = Config(
    vision=VisionConfig(16, (4,) * 6, (3,) * 7, (2, 1, 1, 1, 1, 1, 1), feature_points=4, dense=(8, 8)),
    density=DensityConfig(components=3, couplings=2, hidden=8),
    critic=CriticConfig(glances=2, hidden=(8, 8)),
)
MEAN, STD = [0.0, 0.0, -0.14, 0.0], [0.06, 0.06, 0.04, 0.9]

every = pytest.mark.parametrize("name", POLICIES)
wide = pytest.mark.parametrize("simulated", [True, False])


@pytest.fixture(scope="module")
def bundles() -> dict[str, Bundle]:
    """Untrained networks for all roles."""
    joint, prior = build_joint(CONFIG, "mof"), build_actor(CONFIG, "gmm")
    for model in (joint, joint.actor, joint.critic, prior):
        model.set_action_statistics(MEAN, STD)
        model.set_pose_statistics([0.55, 0.0, 0.15, 0.0], [0.05, 0.05, 0.04, 0.9])
    both = in_memory(joint)
    return {"actor": both, "critic": both, "prior": in_memory(prior)}


@pytest.fixture(scope="module")
def robots() -> Iterator[list[SimRobot]]:
    """Three cells of the same seed, each with a scene of its own."""
    cells = [SimRobot(seed=3, image_size=16) for _ in range(3)]
    yield cells
    for cell in cells:
        cell.close()


class _Stuck(SimRobot):
    """Cannot move anywhere."""

    def feasible(self, actions: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.zeros(len(actions), bool)


def decide(policy: Policy, robots: list[SimRobot], seeds: list[int]) -> list[Any]:
    """The policy's moves as the trials of these indices begin."""
    for index, robot in enumerate(robots):
        robot.begin(seeds[index])
        policy.begin(robot)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    if isinstance(policy, VisualPolicy):
        return policy.decide(robots, observe(robots), rngs)
    return [policy.choose(robot, rng) for robot, rng in zip(robots, rngs, strict=True)]


@every
@wide
def test_one_finite_feasible_move_for_each_robot(
    bundles: dict[str, Bundle], robots: list[SimRobot], name: str, simulated: bool
) -> None:
    moves = decide(find_policy(name).make(bundles, simulated), robots, [0, 1, 2])
    assert len(moves) == 3
    for robot, move in zip(robots, moves, strict=True):
        assert move.shape == (4,) and np.isfinite(move).all()
        assert robot.feasible(move[None])[0]


@every
def test_the_seed_decides(bundles: dict[str, Bundle], robots: list[SimRobot], name: str) -> None:
    policy = find_policy(name).make(bundles, True)
    first, again = decide(policy, robots, [5, 6, 7]), decide(policy, robots, [5, 6, 7])
    np.testing.assert_array_equal(first, again)
    rng = np.random.default_rng(8)
    others = [policy.choose(robots[0], rng) for _ in range(3)]
    assert any(other is not None and not np.array_equal(other, first[0]) for other in others)


@every
def test_a_batch_is_decided_as_its_members_are(bundles: dict[str, Bundle], robots: list[SimRobot], name: str) -> None:
    policy = find_policy(name).make(bundles, True)
    together = decide(policy, robots, [0, 1, 2])
    alone = [decide(policy, robots[:1], [index])[0] for index in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    reordered = decide(policy, robots, [2, 0, 1])
    np.testing.assert_allclose(reordered, [alone[2], alone[0], alone[1]], atol=1e-5)


@every
def test_nothing_feasible_ends_the_trial_under_that_name(bundles: dict[str, Bundle], name: str) -> None:
    stuck = _Stuck(seed=3, image_size=16)
    policy = find_policy(name).make(bundles, True)
    assert policy.choose(stuck, np.random.default_rng(0)) is None
    trial = run_trial(stuck, policy, 3, 0)
    assert (trial.stop_reason, trial.success, trial.num_steps) == ("infeasible", False, 1)
    stuck.close()


@every
def test_trials_at_once_are_the_trials_one_by_one(
    bundles: dict[str, Bundle], robots: list[SimRobot], name: str
) -> None:
    policy = find_policy(name).make(bundles, True)
    together = sorted((run.trial for run in run_trials(robots, policy, 3, range(5))), key=lambda trial: trial.index)
    assert [trial.index for trial in together] == list(range(5))
    for trial in together:
        alone = run_trial(robots[0], policy, 3, trial.index)
        assert 1 <= trial.num_steps <= 10
        assert (trial.stop_reason, trial.success) == (alone.stop_reason, alone.success)
        np.testing.assert_allclose(trial.gripper_poses, alone.gripper_poses, atol=1e-4)
        assert trial.policy == name and trial.policy_digest == policy.digest


@every
def test_recipes_name_the_roles_that_they_take(bundles: dict[str, Bundle], name: str) -> None:
    recipe = find_policy(name)
    assert recipe.make({role: bundles[role] for role in recipe.roles}, True).name == name


def test_an_unknown_policy_is_named() -> None:
    with pytest.raises(UsageError, match="Unknown policy 'cme'.*Did you mean 'cem'"):
        find_policy("cme")
