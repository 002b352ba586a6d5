"""Links kept off the table and off each other, against the meshes of a real arm and by hand."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pybullet
import pybullet_data
import pytest

from grasp_tfp.robots.chain import Chain, read_urdf
from grasp_tfp.robots.clearance import Clearance
from grasp_tfp.robots.envelope import Envelope
from grasp_tfp.robots.settings import CellSettings

FOLDING = """<robot name="r"><link name="a"/><link name="b"/><link name="c"/><link name="d"/><link name="e"/>
{joints}</robot>"""
JOINT = """<joint name="{parent}{child}" type="revolute"><parent link="{parent}"/><child link="{child}"/>
<origin xyz="0 0 {up}"/><axis xyz="0 1 0"/><limit lower="-4" upper="4"/></joint>"""


@pytest.fixture(scope="module")
def iiwa(settings: CellSettings) -> Chain:
    arm = settings.arm
    home, yaw = np.radians(arm.home_deg).tolist(), float(np.radians(arm.flange_yaw_deg))
    return read_urdf(arm.urdf, arm.base, arm.tip, home, arm.tcp_offset_m, yaw)


@pytest.fixture(scope="module")
def world() -> Iterator[int]:
    client = pybullet.connect(pybullet.DIRECT)
    yield client
    pybullet.disconnect(client)


def test_links_that_would_touch_the_table_are_refused(iiwa: Chain, settings: CellSettings, world: int) -> None:
    """Postures drawn anywhere within the joint limits; the arm's own meshes say which of them touch a table."""
    table, rng = settings.limits.grasp_height_m, np.random.default_rng(5)
    arm = pybullet.loadURDF(
        f"{pybullet_data.getDataPath()}/kuka_iiwa/model.urdf", useFixedBase=1, physicsClientId=world
    )
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=[3, 3, 0.05], physicsClientId=world)
    top = pybullet.createMultiBody(0, shape, -1, [0, 0, table - 0.05], physicsClientId=world)
    angles = rng.uniform(iiwa.lower, iiwa.upper, (2000, 7))
    kept = Clearance(iiwa, settings.limits.link_radius_m, table).keeps(angles)
    touching = np.zeros(len(angles), np.bool_)
    for number, posture in enumerate(angles):
        for joint, angle in enumerate(posture):
            pybullet.resetJointState(arm, joint, angle, physicsClientId=world)
        touching[number] = any(
            pybullet.getClosestPoints(arm, top, 0.0, link, -1, physicsClientId=world) for link in range(1, 7)
        )
    assert touching.sum() > 150
    assert (touching & kept).sum() <= 0.02 * touching.sum()
    assert (~touching & ~kept).sum() < 0.1 * len(angles), "few that touch nothing"


def test_nothing_in_the_workspace_is_refused(iiwa: Chain, settings: CellSettings) -> None:
    x, y, z, yaw = (0.38, 0.72), (-0.17, 0.17), (0.006, 0.35), (-np.pi / 2, np.pi / 2)
    grid = np.array(list(itertools.product(*(np.linspace(*side, 6) for side in (x, y, z, yaw)))))
    angles = iiwa.angles(grid)
    reached = angles[iiwa.within(angles, 0.0)]
    assert len(reached) > 500
    assert Clearance(iiwa, settings.limits.link_radius_m, settings.limits.grasp_height_m).keeps(reached).all()


@pytest.mark.parametrize(
    ("bends", "kept"),
    [
        ((0, 90, 0, 0), True),
        ((0, 90, 90, 0), True),
        ((0, 90, 90, 30), True),
        ((0, 90, 90, 90), False),
        ((0, 90, 90, 135), True),
        ((120, 0, 0, 0), False),
    ],
)
def test_an_arm_that_folds_onto_itself(bends: tuple[int, ...], kept: bool, tmp_path: object) -> None:
    """Links of 0.3 m that bend in one plane: the fourth closes a square when each corner turns by 90°."""
    parents = zip("abcd", "bcde", (0.3, 0.3, 0.3, 0.3), strict=True)
    path = f"{tmp_path}/folding.urdf"
    with open(path, "w", encoding="utf-8") as file:
        file.write(FOLDING.format(joints="".join(JOINT.format(parent=p, child=c, up=up) for p, c, up in parents)))
    chain = read_urdf(path, "a", "e", [0.0] * 4, (0.0, 0.0, 0.3), 0.0)
    assert Clearance(chain, 0.04, 0.0).keeps(np.radians(bends)) == kept


def test_the_envelope_names_the_table(iiwa: Chain, settings: CellSettings) -> None:
    thick = dataclasses.replace(settings.limits, link_radius_m=0.3)
    home = iiwa.pose(iiwa.home)
    down = np.array([[0.0, 0.0, -0.05, 0.0]])
    assert Envelope(iiwa, settings.limits).refusals(home, down) == [""]
    assert "too near to a joint limit, the table or another link" in Envelope(iiwa, thick).refusals(home, down)[0]
