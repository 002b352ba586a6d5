"""PyBullet's TinyRenderer on the simulated cell, with the meshes of `grasp_tfp.sim.meshes`."""

from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.quiet import quiet_stderr
from grasp_tfp.sim.geometry import CAMERA, JAW
from grasp_tfp.sim.kinematics import joint_angles
from grasp_tfp.sim.meshes import Mesh, cell_meshes, jaw_meshes, object_meshes
from grasp_tfp.trial import Scene

with quiet_stderr():
    import pybullet
    import pybullet_data

__all__ = ["TinyRenderer"]


class TinyRenderer:
    """A physics client that only draws one scene.

    Args:
        scene: The objects.
        size: Height and width of an image [pixels].
    """

    def __init__(self, scene: Scene, size: int) -> None:
        self.size = size
        self._client = c = pybullet.connect(pybullet.DIRECT)
        urdf = Path(pybullet_data.getDataPath()) / "kuka_iiwa" / "model.urdf"
        self._arm = pybullet.loadURDF(str(urdf), useFixedBase=1, physicsClientId=c)
        self._jaw = [self._body(mesh) for mesh in jaw_meshes(JAW.opening)]
        for mesh in cell_meshes():
            self._body(mesh)
        for name, pose in zip(scene.objects, scene.poses, strict=True):
            for mesh in object_meshes(name):
                pybullet.resetBasePositionAndOrientation(self._body(mesh), pose[:3], pose[3:], physicsClientId=c)
        self._view = pybullet.computeViewMatrix(CAMERA.eye, CAMERA.target, CAMERA.up)
        self._projection = pybullet.computeProjectionMatrixFOV(CAMERA.field_of_view, 1, 0.02, 4)

    def __enter__(self) -> "TinyRenderer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pybullet.disconnect(physicsClientId=self._client)

    def image(self, pose: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The scene with the arm at gripper `pose` (4,): RGB, uint8 (size, size, 3)."""
        c = self._client
        for joint, angle in enumerate(joint_angles(pose)):
            pybullet.resetJointState(self._arm, joint, angle, physicsClientId=c)
        turn = [0, 0, np.sin(pose[3] / 2), np.cos(pose[3] / 2)]
        for part in self._jaw:
            pybullet.resetBasePositionAndOrientation(part, pose[:3], turn, physicsClientId=c)
        drawn = pybullet.getCameraImage(
            self.size, self.size, self._view, self._projection, renderer=pybullet.ER_TINY_RENDERER, physicsClientId=c
        )
        return np.reshape(drawn[2], (self.size, self.size, 4))[..., :3].astype(np.uint8)

    def _body(self, mesh: Mesh) -> int:
        shape = pybullet.createVisualShape(
            pybullet.GEOM_MESH,
            vertices=mesh.vertices.tolist(),
            normals=mesh.normals.tolist(),
            indices=mesh.faces.ravel().tolist(),
            rgbaColor=[*mesh.colour, 1],
            physicsClientId=self._client,
        )
        body: int = pybullet.createMultiBody(0, -1, shape, physicsClientId=self._client)
        return body
