"""The generated objects, and what they cover."""

import numpy as np
import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.sim.geometry import BLOCK, JAW, WORKSPACE
from grasp_tfp.sim.meshes import object_meshes
from grasp_tfp.sim.objects import BOTTLES, HELDOUT_BOTTLES, LATHES, OBJECTS, find_object, footprint, rotation, top


def test_thirty_objects_of_each_set_and_none_in_both() -> None:
    assert len(BOTTLES) == len(HELDOUT_BOTTLES) == 30
    assert not set(BOTTLES) & set(HELDOUT_BOTTLES)
    for names in (BOTTLES, HELDOUT_BOTTLES):
        kinds = [name.rsplit("-", 1)[0] for name in names]
        assert {kind: kinds.count(kind) for kind in kinds} == {"bottle": 12, "cup": 12, "small-bottle": 3, "can": 3}
        assert len({LATHES[name].height for name in names}) == 30


def test_the_open_jaw_goes_around_every_object() -> None:
    for name, thing in LATHES.items():
        assert 2 * thing.outline[:, 0].max() < JAW.opening - 0.006, name


@pytest.mark.parametrize("name", ["block", *BOTTLES, *HELDOUT_BOTTLES])
def test_footprint_and_top_hold_the_surface_in_any_attitude(name: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        turn = rng.normal(size=4) if name != "block" else np.array([0, 0, *rng.normal(size=2)])
        pose = np.array([0.5, 0.1, 0.2, *(turn / np.linalg.norm(turn))])
        corners = np.concatenate([mesh.vertices for mesh in object_meshes(name)]) @ rotation(pose).T + pose[:3]
        polygon = footprint(name, pose)
        sides = np.roll(polygon, -1, axis=0) - polygon
        offsets = corners[:, None, :2] - polygon
        assert (sides[:, 0] * offsets[..., 1] - sides[:, 1] * offsets[..., 0]).min() > -1e-9
        assert 0 <= top(name, pose) - corners[:, 2].max() < 0.0025


def test_standing_objects_end_below_the_free_space() -> None:
    standing = [thing for name, thing in LATHES.items() if not name.startswith("bottle")]
    assert all(top(name, LATHES[name].resting_pose(True, 0.0)) < WORKSPACE.z_low for name in LATHES)
    assert all(thing.height < WORKSPACE.z_low for thing in standing)


def test_an_unknown_object_names_the_nearest() -> None:
    assert find_object("block") is OBJECTS["block"] is BLOCK
    with pytest.raises(UsageError, match="Unknown object 'can-6'"):
        find_object("can-6")
