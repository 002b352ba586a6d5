"""The scripted grasp with the whole arm, to check what the gantry of `grasp_tfp.sim.physics` leaves out.

The KUKA iiwa of pybullet_data carries the same jaw at its flange and is driven by its seven joint motors
along the same vertical path, so that it sags, bends aside and shakes as the gantry cannot. It costs
several times more, and no label in the data comes from it.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import GraspError
from grasp_tfp.quiet import quiet_stderr
from grasp_tfp.sim.bodies import FINGER_MASS, PALM_MASS, hold_open
from grasp_tfp.sim.geometry import JAW, Jaw, Vector
from grasp_tfp.sim.kinematics import FLANGE, joint_angles
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.trial import Scene

with quiet_stderr():
    import pybullet
    import pybullet_data

__all__ = ["FullArmWorld", "arm_with_jaw"]

Floats = NDArray[np.float64]

ARM = list(range(7))
PALM = 7

TORQUE = 300.0
"""Largest torque of each arm joint, as in the URDF [N m]."""

TRACKING = 0.1
"""Share of a joint's position error that its motor takes back in a time step of 1/480 s."""


class FullArmWorld(GraspWorld):
    """`GraspWorld` with the arm's dynamics: same tray, objects, jaw, script and success.

    The heavy arm on a light object needs 500 solver iterations; with 50 its fingers sink through what they stand on.

    Example:
        >>> with FullArmWorld() as world:
        ...     outcome = world.grasp(scene, gripper_pose)
    """

    fingers = (8, 9)

    def __init__(self, jaw: Jaw = JAW, time_step: float = 1 / 480, iterations: int = 500) -> None:
        super().__init__(jaw, time_step, iterations)
        self._folder = tempfile.TemporaryDirectory(prefix="graspctl-arm-")
        self._urdf = Path(self._folder.name) / "arm_with_jaw.urdf"
        self._urdf.write_text(arm_with_jaw(jaw), encoding="utf-8")

    def close(self) -> None:
        """Disconnects the physics client and removes the temporary URDF; closing twice does nothing."""
        super().close()
        self._folder.cleanup()

    def _clear(self, scene: Scene, gripper_pose: Floats) -> bool:
        """Never: the arm's own motion is what is looked at."""
        return False

    def _add_jaw(self, pose: Floats, height: float) -> int:
        self._pose = np.array([*pose[:2], height, pose[3]], dtype=np.float64)
        c = self._client
        flags = pybullet.URDF_USE_INERTIA_FROM_FILE
        body: int = pybullet.loadURDF(str(self._urdf), useFixedBase=1, flags=flags, physicsClientId=c)
        for joint, angle in zip(ARM, self._angles(height), strict=True):
            pybullet.resetJointState(body, joint, angle, physicsClientId=c)
        hold_open(c, self.jaw, body, self.fingers)
        self._hold(body, self._angles(height), np.zeros(7))
        return body

    def _angles(self, height: float) -> Floats:
        pose = self._pose.copy()
        pose[2] = height
        angles = joint_angles(pose)
        if np.isnan(angles[0]):
            where = np.array2string(pose, precision=3)
            raise GraspError(f"Cannot grasp at {where}: the arm does not reach it. Choose a pose near the tray.")
        return angles

    def _move(self, gripper: int, height: float, speed: float, watched: Callable[[], Floats]) -> NDArray[np.bool_]:
        """All the way."""
        start, distance = self._pose[2], abs(height - self._height(gripper))
        last = self._angles(start)
        for step in range(1, round((distance / speed + 0.04) / self.time_step) + 1):
            way = min(step * self.time_step * speed, abs(height - start))
            angles = self._angles(start + np.sign(height - start) * way)
            self._hold(gripper, angles, (angles - last) / self.time_step)
            pybullet.stepSimulation(physicsClientId=self._client)
            last = angles
        self._pose[2] = height
        self._hold(gripper, last, np.zeros(7))
        return np.zeros(len(watched()), bool)

    def _hold(self, gripper: int, angles: Floats, velocities: Floats) -> None:
        pybullet.setJointMotorControlArray(
            gripper,
            ARM,
            pybullet.POSITION_CONTROL,
            targetPositions=angles.tolist(),
            targetVelocities=velocities.tolist(),
            forces=[TORQUE] * 7,
            positionGains=[TRACKING * self.time_step * 480] * 7,
            velocityGains=[1.0] * 7,
            physicsClientId=self._client,
        )

    def _height(self, gripper: int) -> float:
        palm = pybullet.getLinkState(gripper, PALM, computeForwardKinematics=1, physicsClientId=self._client)
        return float(palm[4][2]) - self.jaw.palm[2] / 2 - self.jaw.finger[2]


def arm_with_jaw(jaw: Jaw = JAW) -> str:
    """A URDF of the iiwa with the jaw's palm fixed to the flange of link 7 and two prismatic fingers.

    Link 7 points down, so the palm hangs along its z; what is only for the eye is left out.
    """
    folder = Path(pybullet_data.getDataPath()) / "kuka_iiwa"
    arm = (folder / "model.urdf").read_text(encoding="utf-8")
    arm = re.sub(r"<visual>.*?</visual>", "", arm, flags=re.DOTALL).replace('"meshes/', f'"{folder}/meshes/')
    offset, down = (jaw.opening + jaw.finger[0]) / 2, (jaw.palm[2] + jaw.finger[2]) / 2
    parts = [
        _box_link("palm", jaw.palm, PALM_MASS),
        _joint("fixed", "lbr_iiwa_link_7", "palm", (0, 0, FLANGE + jaw.palm[2] / 2), 0),
        _box_link("left_finger", jaw.finger, FINGER_MASS),
        _joint("prismatic", "palm", "left_finger", (-offset, 0, down), 1),
        _box_link("right_finger", jaw.finger, FINGER_MASS),
        _joint("prismatic", "palm", "right_finger", (offset, 0, down), -1),
    ]
    return arm.replace("</robot>", "".join(parts) + "</robot>")


def _box_link(name: str, size: Vector, mass: float) -> str:
    x, y, z = (side * side * mass / 12 for side in size)
    inertia = f'<inertia ixx="{y + z}" iyy="{x + z}" izz="{x + y}" ixy="0" ixz="0" iyz="0"/>'
    shape = f'<geometry><box size="{size[0]} {size[1]} {size[2]}"/></geometry>'
    return (
        f'<link name="{name}"><inertial><mass value="{mass}"/>{inertia}</inertial><collision>{shape}</collision></link>'
    )


def _joint(kind: str, parent: str, child: str, place: Vector, direction: int) -> str:
    """A joint along x; a lower limit above the upper one is Bullet's way to write that there is none."""
    return (
        f'<joint name="{child}_joint" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{place[0]} {place[1]} {place[2]}"/><axis xyz="{direction} 0 0"/>'
        '<limit lower="1" upper="-1" effort="100" velocity="10"/></joint>'
    )
