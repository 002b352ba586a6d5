"""The whole arm's scripted grasp, against the gantry's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pybullet
import pytest

from grasp_tfp.errors import GraspError
from grasp_tfp.sim.full_arm import FullArmWorld, arm_with_jaw
from grasp_tfp.sim.geometry import JAW, TRAY
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.tasks import find_task, oracle_grasps
from grasp_tfp.trial import Scene

X, Y = TRAY.centre
SCENE = Scene(
    ("block", "block"), np.array([[X, Y, 0.02, 0, 0, 0, 1], [X, Y + 0.12, 0.02, 0, 0, 0, 1]], dtype=np.float64)
)
"""Two blocks along x."""

ACROSS = np.pi / 2


@pytest.fixture(scope="module")
def world() -> Iterator[FullArmWorld]:
    opened = FullArmWorld()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("dx", "dy", "yaw", "expected"),
    [
        (0.0, 0.0, ACROSS, True),
        (0.05, 0.0, ACROSS, True),
        (0.0, 0.008, ACROSS - 0.2, True),
        (0.0, 0.03, ACROSS, False),
        (0.0, 0.0, 0.0, False),
        (0.0, -0.08, ACROSS, False),
    ],
)
def test_a_grasp_holds_where_a_person_would_expect(
    world: FullArmWorld, dx: float, dy: float, yaw: float, expected: bool
) -> None:
    outcome = world.grasp(SCENE, np.array([X + dx, Y + dy, JAW.grasp_height, yaw]))
    assert outcome.success is expected


def test_a_held_block_rises_with_the_jaw_and_the_other_stays(world: FullArmWorld) -> None:
    held, other = world.grasp(SCENE, np.array([X, Y, JAW.grasp_height, ACROSS])).object_poses
    assert held[2] == pytest.approx(0.02 + JAW.lift, abs=0.01)
    np.testing.assert_allclose(other[:3], SCENE.poses[1, :3], atol=1e-3)


def test_the_gantry_gives_the_same_labels_but_at_the_edge_of_what_holds(world: FullArmWorld) -> None:
    with GraspWorld() as gantry:
        same = []
        for index in range(24):
            rng = np.random.default_rng([8, index])
            scene = find_task("blocks").scene(rng)
            pose = oracle_grasps(scene)[0] + rng.normal(size=4) * (0.01, 0.01, 0, 0.2)
            same.append(world.grasp(scene, pose).success == gantry.grasp(scene, pose).success)
    assert sum(same) >= 20


def test_the_outcome_does_not_depend_on_the_grasps_before_it(world: FullArmWorld) -> None:
    pose = np.array([X, Y + 0.01, JAW.grasp_height, ACROSS - 0.3])
    first = world.grasp(SCENE, pose).object_poses
    world.grasp(SCENE, np.array([X, Y + 0.12, JAW.grasp_height, ACROSS]))
    np.testing.assert_array_equal(world.grasp(SCENE, pose).object_poses, first)


def test_the_arm_carries_the_jaw_of_the_gantry(tmp_path: Path) -> None:
    urdf = tmp_path / "arm.urdf"
    urdf.write_text(arm_with_jaw())
    client = pybullet.connect(pybullet.DIRECT)
    body = pybullet.loadURDF(str(urdf), useFixedBase=1, physicsClientId=client)
    sizes = [pybullet.getCollisionShapeData(body, link, physicsClientId=client)[0][3] for link in (7, 8, 9)]
    fingers = [pybullet.getLinkState(body, link, physicsClientId=client)[0] for link in (8, 9)]
    pybullet.disconnect(client)
    np.testing.assert_allclose(sizes, [JAW.palm, JAW.finger, JAW.finger])
    assert np.linalg.norm(np.subtract(*fingers)) == pytest.approx(JAW.opening + JAW.finger[0])


def test_a_pose_out_of_reach_is_one_line(world: FullArmWorld) -> None:
    with pytest.raises(GraspError, match="the arm does not reach it") as error:
        world.grasp(SCENE, np.array([1.5, 0.0, JAW.grasp_height, 0.0]))
    assert "\n" not in str(error.value)


def test_nothing_is_left_behind() -> None:
    world = FullArmWorld()
    folder = world._urdf.parent
    assert folder.exists()
    world.close()
    world.close()
    assert not folder.exists()
