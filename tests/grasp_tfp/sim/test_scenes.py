"""Scenes of bottles: apart, at rest, and a function of their seed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from grasp_tfp.sim.footprint import gap
from grasp_tfp.sim.geometry import TRAY
from grasp_tfp.sim.objects import BOTTLES, LATHES, footprint, rotation
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.tasks import find_task
from grasp_tfp.trial import Scene

TASKS = ["bottles", "bottles-heldout", "bottles-5", "bottles-5-heldout"]


def scene(task: str, index: int) -> Scene:
    return find_task(task).scene(np.random.default_rng([8, index]))


@pytest.mark.parametrize(
    ("task", "count", "apart"), list(zip(TASKS, [(2,), (2,), (5, 6), (5, 6)], [0.03, 0.03, 0.012, 0.012], strict=True))
)
def test_objects_lie_apart_from_each_other_and_from_the_walls(task: str, count: tuple[int, ...], apart: float) -> None:
    found = set()
    for index in range(60):
        drawn = scene(task, index)
        found.add(len(drawn.objects))
        prints = [footprint(name, pose) for name, pose in zip(drawn.objects, drawn.poses, strict=True)]
        assert all(np.abs(corners - TRAY.centre).max() < TRAY.inner_half for corners in prints)
        assert all(gap(a, b) > 0.5 * apart for k, a in enumerate(prints) for b in prints[:k])
    assert found == set(count)


def test_two_of_three_objects_lie() -> None:
    scenes = [scene("bottles", index) for index in range(1000)]
    lying = [abs(rotation(pose)[2, 2]) < 0.5 for drawn in scenes for pose in drawn.poses]
    assert 0.61 < np.mean(lying) < 0.69
    assert {name for drawn in scenes for name in drawn.objects} == set(BOTTLES)


@pytest.mark.parametrize("task", TASKS)
def test_nothing_creeps(task: str) -> None:
    with GraspWorld() as world:
        for index in range(12):
            drawn = scene(task, index)
            rested = world.settle(drawn, seconds=1.0)
            np.testing.assert_allclose(rested[:, :3], drawn.poses[:, :3], atol=2e-4)
            assert np.abs(np.sum(rested[:, 3:] * drawn.poses[:, 3:], axis=1)).min() > np.cos(np.radians(0.5) / 2)


def test_every_object_rests_in_every_attitude_it_may_take() -> None:
    with GraspWorld() as world:
        for name, thing in LATHES.items():
            for lying in (False, True):
                pose = thing.resting_pose(lying, 0.4) + [*TRAY.centre, 0, 0, 0, 0, 0]
                (rested,) = world.settle(Scene((name,), pose[None]), seconds=0.25)
                np.testing.assert_allclose(rested[:3], pose[:3], atol=2e-4)


PROGRAM = """
import hashlib, sys
import numpy as np
from grasp_tfp.sim.tasks import find_task
for task in ("bottles", "bottles-heldout", "bottles-5"):
    for index in map(int, sys.argv[1:]):
        scene = find_task(task).scene(np.random.default_rng([8, index]))
        print(task, index, *scene.objects, hashlib.sha256(scene.poses.tobytes()).hexdigest())
"""


def test_a_scene_depends_on_its_seed_alone() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *order], env=environment, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for order in ("0123", "321")
    ]
    assert len(runs[1]) == 9
    assert set(runs[1]) < set(runs[0])
