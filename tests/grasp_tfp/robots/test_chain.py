"""The kinematics that are read from a URDF."""

from pathlib import Path

import numpy as np
import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.robots.chain import Chain, read_urdf
from grasp_tfp.sim.kinematics import FLANGE, FLANGE_TO_FINGERTIP, joint_angles
from grasp_tfp.sim.tasks import BOTTLE_WORKSPACE, random_pose

HOME = joint_angles([0.55, 0, 0.15, 0]).tolist()


@pytest.fixture(scope="module")
def chain() -> Chain:
    offset = (0, 0, FLANGE + FLANGE_TO_FINGERTIP)
    return read_urdf("iiwa", "lbr_iiwa_link_0", "lbr_iiwa_link_7", HOME, offset, np.pi)


def poses(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rng = np.random.default_rng(0)
    return np.array([random_pose(rng, BOTTLE_WORKSPACE) for _ in range(count)])


def test_forward_agrees_with_the_closed_form(chain: Chain) -> None:
    wanted = poses(100)
    np.testing.assert_allclose(chain.pose(joint_angles(wanted)), wanted, atol=1e-9)
    np.testing.assert_allclose(chain.tilt(joint_angles(wanted)), 0, atol=1e-5)


def test_inverse_leads_to_the_pose_and_is_smooth(chain: Chain) -> None:
    wanted = poses(300)
    np.testing.assert_allclose(chain.pose(chain.angles(wanted)), wanted, atol=1e-9)
    beside = chain.angles(wanted + 1e-4) - chain.angles(wanted)
    assert np.abs(beside).max() < 1e-2, "one branch of the kinematics everywhere"


def test_a_pose_has_the_same_answer_alone_and_among_others(chain: Chain) -> None:
    wanted = poses(5)
    np.testing.assert_allclose(chain.angles(wanted)[3], chain.angles(wanted[3]), atol=1e-9)


def test_out_of_reach_is_not_a_number(chain: Chain) -> None:
    assert np.isnan(chain.angles([2.0, 0, 0.1, 0])).all()
    assert not chain.within(chain.angles([2.0, 0, 0.1, 0]), 0)


def test_margins(chain: Chain) -> None:
    angles = np.where(np.arange(7) == 3, chain.upper - np.radians(2), 0.0)
    assert chain.within(angles, np.radians(1))
    assert not chain.within(angles, np.radians(3))


def test_a_chain_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no chain from 'lbr_iiwa_link_0' to 'tool0'.*lbr_iiwa_link_7"):
        read_urdf("iiwa", "lbr_iiwa_link_0", "tool0", HOME, (0, 0, 0), 0)
    with pytest.raises(UsageError, match="7 joints: received 6"):
        read_urdf("iiwa", "lbr_iiwa_link_0", "lbr_iiwa_link_7", HOME[:6], (0, 0, 0), 0)
    with pytest.raises(UsageError, match=r"Cannot read the URDF.*No such file"):
        read_urdf(str(tmp_path / "arm.urdf"), "a", "b", HOME, (0, 0, 0), 0)
    (tmp_path / "arm.xacro").write_text("<robot>")
    with pytest.raises(UsageError, match="Expand xacro"):
        read_urdf(str(tmp_path / "arm.xacro"), "a", "b", HOME, (0, 0, 0), 0)
