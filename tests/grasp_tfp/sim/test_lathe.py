"""Turned bodies: the convex parts, the surface and the rest poses agree."""

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.sim.lathe import SIDES
from grasp_tfp.sim.meshes import object_meshes
from grasp_tfp.sim.objects import BOTTLES, HELDOUT_BOTTLES, LATHES, rotation

Floats = NDArray[np.float64]
BULGE = 1 / np.cos(np.pi / SIDES)
"""How much farther from the axis the corner of a prism lies than its sides."""

EVERY_NAME = BOTTLES + HELDOUT_BOTTLES


def reach(corners: Floats, directions: Floats) -> Floats:
    """Support of a convex body in each direction."""
    return np.asarray((corners @ directions.T).max(axis=0))


@pytest.mark.parametrize("name", EVERY_NAME)
def test_the_parts_hold_the_surface_and_are_little_larger(name: str) -> None:
    thing = LATHES[name]
    directions = np.random.default_rng(0).normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    surface = reach(np.concatenate([mesh.vertices for mesh in object_meshes(name)]), directions)
    parts = reach(np.concatenate(thing.parts()), directions)
    assert (surface <= parts + 1e-9).all()
    assert (parts <= surface + (BULGE - 1) * thing.outline[:, 0].max() + 1e-3).all()
    np.testing.assert_allclose(reach(thing.vertices, directions), parts, atol=1e-9)


@pytest.mark.parametrize("name", EVERY_NAME)
def test_a_margin_draws_every_part_in(name: str) -> None:
    for outer, inner in zip(LATHES[name].parts(), LATHES[name].parts(0.001), strict=True):
        assert (inner[:, 2].min() - outer[:, 2].min()) == pytest.approx(0.001)
        assert (outer[:, 2].max() - inner[:, 2].max()) == pytest.approx(0.001)
        moved = np.linalg.norm(inner - outer, axis=1)
        assert 0 < moved.min() and moved.max() < 0.002


@pytest.mark.parametrize("name", [name for name in EVERY_NAME if name.startswith("cup")])
def test_a_cup_is_hollow_down_to_its_floor(name: str) -> None:
    thing = LATHES[name]
    inside = thing.outline[-2, 0]
    floor, *wedges = thing.parts()
    assert len(wedges) == SIDES
    assert floor[:, 2].max() == pytest.approx(thing.outline[-1, 1])
    assert all(np.hypot(*wedge[:, :2].T).min() >= inside for wedge in wedges)


@pytest.mark.parametrize("name", EVERY_NAME)
@pytest.mark.parametrize("lying", [False, True])
def test_a_resting_body_touches_the_floor_below_its_centre(name: str, lying: bool) -> None:
    pose = LATHES[name].resting_pose(lying, 0.7)
    assert np.linalg.norm(pose[3:]) == pytest.approx(1)
    corners = LATHES[name].vertices @ rotation(pose).T + pose[:3]
    assert corners[:, 2].min() == pytest.approx(0, abs=1e-9)
    x, y = corners[corners[:, 2] < 1e-6, :2].T
    assert x.min() < 0 < x.max() and y.min() < 0 < y.max()
    axis = rotation(pose)[:, 2]
    if lying:
        assert np.arctan2(axis[1], axis[0]) == pytest.approx(0.7)
        assert abs(axis[2]) < 0.15
    else:
        np.testing.assert_allclose(axis, [0, 0, 1], atol=1e-12)
