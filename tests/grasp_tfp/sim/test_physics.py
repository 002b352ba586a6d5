"""Contact: what holds, what does not, and the exits that spare it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.sim.geometry import JAW, TRAY
from grasp_tfp.sim.physics import GraspWorld, may_hold
from grasp_tfp.sim.tasks import find_task, oracle_grasps, random_pose
from grasp_tfp.trial import Scene

X, Y = TRAY.centre
SCENE = Scene(
    ("block", "block"), np.array([[X, Y, 0.02, 0, 0, 0, 1], [X, Y + 0.12, 0.02, 0, 0, 0, 1]], dtype=np.float64)
)
"""Two blocks along x."""

ACROSS = np.pi / 2


@pytest.fixture(scope="module")
def world() -> Iterator[GraspWorld]:
    with GraspWorld() as opened:
        yield opened


@pytest.mark.parametrize(
    ("dx", "dy", "yaw", "expected"),
    [
        (0.0, 0.0, ACROSS, True),
        (0.05, 0.0, ACROSS, True),
        (0.0, 0.008, ACROSS, True),
        (0.0, 0.0, ACROSS - 0.3, True),
        (0.0, 0.03, ACROSS, False),
        (0.0, 0.0, 0.0, False),
        (0.0, -0.1, ACROSS, False),
    ],
)
def test_a_grasp_holds_where_a_person_would_expect(
    world: GraspWorld, dx: float, dy: float, yaw: float, expected: bool
) -> None:
    outcome = world.grasp(SCENE, np.array([X + dx, Y + dy, JAW.grasp_height, yaw]))
    assert outcome.success is expected


def test_a_held_block_rises_with_the_jaw_and_the_other_stays(world: GraspWorld) -> None:
    held, other = world.grasp(SCENE, np.array([X, Y, JAW.grasp_height, ACROSS])).object_poses
    assert held[2] == pytest.approx(0.02 + JAW.lift, abs=0.01)
    np.testing.assert_allclose(other[:3], SCENE.poses[1, :3], atol=1e-3)


def test_oracle_grasps_succeed(world: GraspWorld) -> None:
    scenes = [find_task("blocks").scene(np.random.default_rng([5, index])) for index in range(40)]
    assert sum(world.grasp(scene, grasp).success for scene in scenes for grasp in oracle_grasps(scene)) >= 79


def test_oracle_grasps_of_bottles_succeed(world: GraspWorld) -> None:
    scenes = [find_task("bottles").scene(np.random.default_rng([5, index])) for index in range(20)]
    assert sum(world.grasp(scene, grasp).success for scene in scenes for grasp in oracle_grasps(scene)) >= 37


class WithoutExits(GraspWorld):
    """Simulates every grasp from the start of its descent to the end of its lift."""

    def _clear(self, scene: Scene, gripper_pose: NDArray[np.float64]) -> bool:
        return False

    def _closed(self, gripper: int) -> bool:
        return False

    def _until_still(self, seconds: float, watched: Callable[[], NDArray[np.float64]]) -> NDArray[np.bool_]:
        self._step(seconds)
        return np.zeros(len(watched()), bool)


@pytest.mark.parametrize(("task", "grasps"), [("blocks", 300), ("bottles", 120)])
def test_no_early_exit_changes_a_label(world: GraspWorld, task: str, grasps: int) -> None:
    skipped = held = 0
    with WithoutExits() as slow:
        for index in range(grasps):
            rng = np.random.default_rng([6, index])
            scene, pose = find_task(task).scene(rng), random_pose(rng)
            if index % 3 == 0:
                pose = oracle_grasps(scene)[0] + rng.normal(size=4) * [0.01, 0.01, 0, 0.2]
            success = slow.grasp(scene, pose).success
            skipped += not may_hold(scene, pose)
            held += success
            assert success == (may_hold(scene, pose) and world.grasp(scene, pose).success)
    assert skipped > grasps / 4
    assert held > grasps / 5


def test_the_outcome_does_not_depend_on_the_grasps_before_it(world: GraspWorld) -> None:
    rng = np.random.default_rng(7)
    cases = [(find_task(task).scene(rng), random_pose(rng)) for task in ("blocks", "bottles") for _ in range(12)]
    forward = [world.grasp(*case).object_poses for case in cases]
    backward = [world.grasp(*case).object_poses for case in reversed(cases)]
    for first, second in zip(forward, reversed(backward), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("dx", "dy", "yaw", "reason"),
    [
        (0.0, 0.0, ACROSS, ""),
        (0.0, -0.1, ACROSS, "missed"),
        (0.0, 0.03, ACROSS, "blocked"),
        (0.0, 0.0, 0.0, "blocked"),
        (0.14, 0.0, 0.0, "wall"),
    ],
)
def test_a_failed_grasp_says_why(world: GraspWorld, dx: float, dy: float, yaw: float, reason: str) -> None:
    assert world.grasp(SCENE, np.array([X + dx, Y + dy, JAW.grasp_height, yaw])).failure == reason


def test_failures_are_those_that_do_not_succeed(world: GraspWorld) -> None:
    for index in range(60):
        rng = np.random.default_rng([8, index])
        outcome = world.grasp(find_task("blocks").scene(rng), random_pose(rng))
        assert (outcome.failure == "") == outcome.success
