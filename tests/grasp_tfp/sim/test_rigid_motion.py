"""A grasp carried elsewhere is the same grasp: the same distances, inside the same bounds, and the same outcome."""

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.sim.footprint import finger_footprints
from grasp_tfp.sim.geometry import JAW, TRAY
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.objects import footprint, rotation
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.rigid_motion import MARGIN, carried
from grasp_tfp.sim.tasks import find_task, oracle_grasps
from grasp_tfp.trial import Scene

Floats = NDArray[np.float64]
TASKS = ("blocks", "bottles", "bottles-5")


def drawn(task: str, index: int) -> tuple[Scene, Floats, np.random.Generator]:
    """A scene, a grasp near the oracle's, which may fail, and what to draw from next."""
    rng = np.random.default_rng([3, index])
    scene = find_task(task).scene(rng)
    return scene, oracle_grasps(scene)[0] + rng.normal(0, [0.01, 0.01, 0, 0.3]), rng


def distances(scene: Scene, grasp: Floats, first: int) -> Floats:
    """Between all of: the fingers, that of number `first` before the other; each object's centre, and an end of it."""
    fingers = [corners.mean(axis=0) for corners in finger_footprints(grasp, JAW.opening, JAW.finger)]
    points = [[*fingers[number], grasp[2]] for number in (first, 1 - first)]
    for name, pose in zip(scene.objects, scene.poses, strict=True):
        along = rotation(pose)[:, 0 if name == "block" else 2]
        points += [pose[:3], pose[:3] + 0.05 * along]
    apart: Floats = np.linalg.norm(np.array(points)[:, None] - np.array(points), axis=-1)
    return apart


def side(scene: Scene, grasp: Floats) -> bool:
    """On which side of the line from the grasp to the first object the second one is."""
    first, second = scene.poses[:2, :2] - grasp[:2]
    return bool(first[0] * second[1] > first[1] * second[0])


@pytest.mark.parametrize("task", TASKS)
def test_all_distances_stay_and_half_of_the_scenes_are_mirrored(task: str) -> None:
    mirrored, moved = 0, 0
    for index in range(60):
        scene, grasp, rng = drawn(task, index)
        there, closed = carried(scene, grasp, find_task(task).workspace, rng)
        assert there.objects == scene.objects and closed[2] == grasp[2]
        before = distances(scene, grasp, 0)
        assert any(np.allclose(before, distances(there, closed, first), atol=1e-9) for first in (0, 1))
        moved += there is not scene
        mirrored += side(there, closed) is not side(scene, grasp)
    assert moved > 20 and moved / 4 < mirrored < 3 * moved / 4


@pytest.mark.parametrize("task", TASKS)
def test_it_goes_anywhere_that_the_task_allows(task: str) -> None:
    workspace, places = find_task(task).workspace, []
    for index in range(200):
        scene, grasp, rng = drawn(task, index)
        there, closed = carried(scene, grasp, workspace, rng)
        if there is scene:
            continue
        places.append(closed)
        assert feasible(closed)
        assert np.abs(there.poses[:, :2] - TRAY.centre).max() <= workspace.half_width + 1e-9
        assert np.abs(closed[:2] - TRAY.centre).max() <= workspace.half_width + 1e-9
        fingers = np.concatenate(finger_footprints(closed, JAW.opening, JAW.finger))
        outlines = np.concatenate([footprint(n, p) for n, p in zip(there.objects, there.poses, strict=True)])
        assert np.abs(fingers - TRAY.centre).max() < TRAY.inner_half
        assert np.abs(outlines - TRAY.centre).max() <= TRAY.inner_half - MARGIN + 1e-9
    yaws = np.array(places)[:, 3]
    counts, _ = np.histogram(yaws, 4, (-np.pi / 2, np.pi / 2))
    assert counts.min() > len(yaws) / 8


def test_a_grasp_at_a_wall_stays() -> None:
    """The wall decides there, and it cannot be carried along."""
    scene = find_task("bottles").scene(np.random.default_rng(0))
    at_wall = np.array([TRAY.centre[0] + TRAY.inner_half - 0.01, TRAY.centre[1], JAW.grasp_height, 0.0])
    there, closed = carried(scene, at_wall, find_task("bottles").workspace, np.random.default_rng(0))
    assert there is scene and closed is at_wall


@pytest.mark.parametrize(("task", "differ"), [("blocks", 1), ("bottles", 6)])
def test_it_holds_or_fails_as_it_did(task: str, differ: int) -> None:
    """Grasps at the edge of holding may differ, as they do for a finer simulation."""
    outcomes = []
    with GraspWorld() as world:
        for index in range(100):
            scene, grasp, rng = drawn(task, index)
            there, closed = carried(scene, grasp, find_task(task).workspace, rng)
            outcomes.append((world.grasp(scene, grasp).success, world.grasp(there, closed).success))
    before, after = np.array(outcomes).T
    assert 20 < before.sum() < 80
    assert (before != after).sum() <= differ
