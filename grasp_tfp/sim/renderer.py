"""Camera images of the simulated cell, as a pure function of scene and gripper pose."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import GraspError
from grasp_tfp.sim.geometry import CAMERA, JAW, Camera
from grasp_tfp.sim.kinematics import joint_angles, link_poses
from grasp_tfp.sim.meshes import Mesh, arm_meshes, cell_meshes, jaw_meshes, object_meshes
from grasp_tfp.sim.rasteriser import box_filter, draw
from grasp_tfp.trial import Scene

__all__ = ["Renderer", "camera_matrix", "object_poses"]

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

LIGHT = np.array([-0.35, -0.25, 0.9]) / np.linalg.norm([-0.35, -0.25, 0.9])
"""Unit vector towards the light in the base frame."""

SKY = 0xB4B9BE
"""Packed colour where nothing is."""


class _Layer(NamedTuple):
    """What has been drawn so far."""

    image: NDArray[np.uint32]
    inverse_depth: NDArray[np.float32]


class Renderer:
    """Draws images of one size from one camera.

    Table and tray are drawn once, objects once per scene, the arm in each image.

    Args:
        size: Height and width of an image [pixels].
        camera: Where the images are taken from.
    """

    def __init__(self, size: int, camera: Camera = CAMERA) -> None:
        self.size = size
        self._factor = 2 if size <= 256 else 1
        pixels = size * self._factor
        self._camera = camera_matrix(camera, pixels)
        empty = _Layer(np.full((pixels, pixels), SKY, np.uint32), np.zeros((pixels, pixels), np.float32))
        cell = cell_meshes()
        self._cell = self._with(empty, cell, np.broadcast_to(np.eye(4), (len(cell), 4, 4)))
        self._last: tuple[tuple[tuple[str, ...], bytes], _Layer] | None = None

    def initial_image(self, scene: Scene) -> Image:
        """The scene before the arm comes in: RGB, uint8 (size, size, 3)."""
        return self._finish(self._scene_layer(scene))

    def image(self, scene: Scene, gripper_pose: Floats, opening: float = JAW.opening) -> Image:
        """The scene with the arm.

        Args:
            scene: The objects.
            gripper_pose: `(x, y, z, yaw)` of the fingertips in the base frame, (4,).
            opening: Distance between the fingers' inner faces [m].

        Returns:
            RGB, uint8 (size, size, 3).

        Raises:
            GraspError: The arm cannot reach the pose.
        """
        angles = joint_angles(gripper_pose)
        if np.isnan(angles[0]):
            pose = np.array2string(np.asarray(gripper_pose), precision=3)
            raise GraspError(f"Cannot draw the arm at gripper pose {pose}: it is out of reach or beyond a joint limit.")
        jaw = jaw_meshes(opening)
        poses = np.concatenate([link_poses(angles), np.broadcast_to(_jaw_pose(gripper_pose), (len(jaw), 4, 4))])
        return self._finish(self._with(self._scene_layer(scene), [*arm_meshes(), *jaw], poses))

    def _scene_layer(self, scene: Scene) -> _Layer:
        key = scene.objects, scene.poses.tobytes()
        if self._last is None or self._last[0] != key:
            meshes = [object_meshes(name) for name in scene.objects]
            poses = np.repeat(object_poses(scene), [len(bands) for bands in meshes], axis=0)
            self._last = key, self._with(self._cell, itertools.chain(*meshes), poses)
        return self._last[1]

    def _with(self, layer: _Layer, meshes: Iterable[Mesh], poses: Floats) -> _Layer:
        image, inverse_depth = layer.image.copy(), layer.inverse_depth.copy()
        matrices, lights = self._camera @ poses, LIGHT @ poses[:, :3, :3]
        for mesh, matrix, light in zip(meshes, matrices, lights, strict=True):
            draw(*mesh, matrix, light, image, inverse_depth)
        return _Layer(image, inverse_depth)

    def _finish(self, layer: _Layer) -> Image:
        image: Image = box_filter(layer.image, self._factor)
        return image


def camera_matrix(camera: Camera, size: int) -> Floats:
    """From the base frame to pixels times depth, (3, 4).

    A point `(x, y, z, 1)` becomes `(column, row, 1) * depth`: columns count to the right and rows down from
    the image's upper left corner, where the first pixel's centre is at (0.5, 0.5); depth is the distance
    along the camera's axis [m].
    """
    eye = np.array(camera.eye)
    forward = np.array(camera.target) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, camera.up)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    focal = size / 2 / np.tan(np.radians(camera.field_of_view) / 2)
    intrinsic = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    matrix: Floats = intrinsic @ np.column_stack([rotation, -rotation @ eye])
    return matrix


def object_poses(scene: Scene) -> Floats:
    """Pose of each object in the base frame, as homogeneous matrices (n, 4, 4)."""
    x, y, z, w = scene.poses[:, 3:].T
    poses = np.broadcast_to(np.eye(4), (len(scene.poses), 4, 4)).copy()
    poses[:, 0, :3] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], axis=-1)
    poses[:, 1, :3] = np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], axis=-1)
    poses[:, 2, :3] = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=-1)
    poses[:, :3, 3] = scene.poses[:, :3]
    return poses


def _jaw_pose(gripper_pose: Floats) -> Floats:
    x, y, z, yaw = gripper_pose
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, z], [0, 0, 0, 1]])
