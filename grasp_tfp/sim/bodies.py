"""What stands in a physics client: the tray, the objects, and a jaw on a gantry."""

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.quiet import quiet_stderr
from grasp_tfp.sim.geometry import TRAY, Box, Jaw
from grasp_tfp.sim.objects import find_object
from grasp_tfp.sim.shapes import shape_file

with quiet_stderr():
    import pybullet

__all__ = ["FINGER_MASS", "GANTRY_FINGERS", "PALM_MASS", "add_gantry", "add_object", "add_tray", "hold_open"]

Floats = NDArray[np.float64]

PALM_MASS = 0.1
FINGER_MASS = 0.1
"""[kg]"""

GANTRY_FINGERS = (1, 2)
"""Links of the gantry's two fingers."""


def add_tray(client: int) -> None:
    """Puts the tray's floor and walls there, as one body that does not move."""
    half, wall = TRAY.inner_half, TRAY.thickness / 2
    x, y = TRAY.centre
    boxes = [((half + 2 * wall, half + 2 * wall, wall), (x, y, -wall))]
    for sign in (-1, 1):
        side, height = sign * (half + wall), TRAY.wall_height / 2
        boxes.append(((wall, half + 2 * wall, height), (x + side, y, height)))
        boxes.append(((half, wall, height), (x, y + side, height)))
    shape = pybullet.createCollisionShapeArray(
        shapeTypes=[pybullet.GEOM_BOX] * len(boxes),
        halfExtents=[half_extents for half_extents, _ in boxes],
        collisionFramePositions=[position for _, position in boxes],
        physicsClientId=client,
    )
    body = pybullet.createMultiBody(0, shape, -1, useMaximalCoordinates=1, physicsClientId=client)
    pybullet.changeDynamics(body, -1, lateralFriction=0.6, physicsClientId=client)


def add_object(client: int, name: str, pose: Floats) -> int:
    """Puts an object there at a pose (7,), position and quaternion (x, y, z, w); returns its body."""
    thing = find_object(name)
    if isinstance(thing, Box):
        shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=thing.half_extents, physicsClientId=client)
    else:
        file = str(shape_file(name, thing))
        shape = pybullet.createCollisionShape(pybullet.GEOM_MESH, fileName=file, physicsClientId=client)
    body: int = pybullet.createMultiBody(
        thing.mass, shape, -1, pose[:3], pose[3:], useMaximalCoordinates=1, physicsClientId=client
    )
    pybullet.changeDynamics(body, -1, lateralFriction=0.6, physicsClientId=client)
    return body


def add_gantry(client: int, jaw: Jaw, pose: Floats, height: float) -> int:
    """Hangs the open jaw over a pose (4,), its fingertips at a height [m]; returns its body.

    Joint 0 moves it up, joints `GANTRY_FINGERS` close it.
    """
    finger = pybullet.createCollisionShape(
        pybullet.GEOM_BOX, halfExtents=[size / 2 for size in jaw.finger], physicsClientId=client
    )
    palm = pybullet.createCollisionShape(
        pybullet.GEOM_BOX, halfExtents=[size / 2 for size in jaw.palm], physicsClientId=client
    )
    offset, up = (jaw.opening + jaw.finger[0]) / 2, jaw.finger[2]
    identity = [0.0, 0.0, 0.0, 1.0]
    body: int = pybullet.createMultiBody(
        baseMass=0,
        basePosition=[pose[0], pose[1], height],
        baseOrientation=pybullet.getQuaternionFromEuler([0, 0, pose[3]]),
        linkMasses=[PALM_MASS, FINGER_MASS, FINGER_MASS],
        linkCollisionShapeIndices=[palm, finger, finger],
        linkVisualShapeIndices=[-1, -1, -1],
        linkPositions=[
            [0, 0, up + jaw.palm[2] / 2],
            [-offset, 0, -up / 2 - jaw.palm[2] / 2],
            [offset, 0, -up / 2 - jaw.palm[2] / 2],
        ],
        linkOrientations=[identity] * 3,
        linkInertialFramePositions=[[0, 0, 0]] * 3,
        linkInertialFrameOrientations=[identity] * 3,
        linkParentIndices=[0, 1, 1],
        linkJointTypes=[pybullet.JOINT_PRISMATIC] * 3,
        linkJointAxis=[[0, 0, 1], [1, 0, 0], [-1, 0, 0]],
        physicsClientId=client,
    )
    hold_open(client, jaw, body, GANTRY_FINGERS)
    return body


def hold_open(client: int, jaw: Jaw, gripper: int, fingers: tuple[int, int]) -> None:
    """Gives the fingers their grip, motors that hold them open, and the gear that moves both alike."""
    first, second = fingers
    for finger in fingers:
        pybullet.changeDynamics(gripper, finger, lateralFriction=1.0, physicsClientId=client)
        pybullet.setJointMotorControl2(
            gripper, finger, pybullet.POSITION_CONTROL, 0, force=jaw.force, physicsClientId=client
        )
    gear = pybullet.createConstraint(
        gripper, first, gripper, second, pybullet.JOINT_GEAR, [1, 0, 0], [0, 0, 0], [0, 0, 0], physicsClientId=client
    )
    pybullet.changeConstraint(gear, gearRatio=-1, maxForce=200, erp=0.5, physicsClientId=client)
