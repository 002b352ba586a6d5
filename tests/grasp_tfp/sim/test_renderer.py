"""The renderer, held against PyBullet's TinyRenderer."""

from pathlib import Path

import numpy as np
import pybullet
import pybullet_data
import pytest
from numpy.typing import NDArray

from grasp_tfp.errors import GraspError
from grasp_tfp.sim.geometry import BLOCK, CAMERA, JAW, TRAY
from grasp_tfp.sim.kinematics import joint_angles
from grasp_tfp.sim.meshes import object_meshes
from grasp_tfp.sim.renderer import Renderer, camera_matrix
from grasp_tfp.sim.tasks import find_task, random_pose
from grasp_tfp.trial import Scene

SIZE = 472
EMPTY = Scene((), np.zeros((0, 7)))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(SIZE)


def drawn(seed: int, task: str = "blocks") -> tuple[Scene, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return find_task(task).scene(rng), random_pose(rng)


def differ(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((first != second).any(axis=-1))


def overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float((first & second).sum() / (first | second).sum())


def tiny_renderer(scene: Scene, pose: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of the objects and of the arm with its jaw, as PyBullet draws them."""
    client = pybullet.connect(pybullet.DIRECT)
    urdf = Path(pybullet_data.getDataPath()) / "kuka_iiwa" / "model.urdf"
    arm = pybullet.loadURDF(str(urdf), useFixedBase=True, physicsClientId=client)
    for joint, angle in enumerate(joint_angles(pose)):
        pybullet.resetJointState(arm, joint, angle, physicsClientId=client)

    def box(half: list[float], position: list[float], orientation: list[float]) -> int:
        shape = pybullet.createVisualShape(pybullet.GEOM_BOX, halfExtents=half, physicsClientId=client)
        body: int = pybullet.createMultiBody(0, -1, shape, position, orientation, physicsClientId=client)
        return body

    yaw = [0, 0, np.sin(pose[3] / 2), np.cos(pose[3] / 2)]
    palm = box([size / 2 for size in JAW.palm], [*pose[:2], pose[2] + JAW.finger[2] + JAW.palm[2] / 2], yaw)
    offset = (JAW.opening + JAW.finger[0]) / 2 * np.array([np.cos(pose[3]), np.sin(pose[3])])
    fingers = [
        box([size / 2 for size in JAW.finger], [*(pose[:2] + side * offset), pose[2] + JAW.finger[2] / 2], yaw)
        for side in (-1, 1)
    ]
    objects = [_object(client, name, where) for name, where in zip(scene.objects, scene.poses, strict=True)]
    half, wall, height = TRAY.inner_half, TRAY.thickness / 2, TRAY.wall_height / 2
    for side in (-half - wall, half + wall):
        box([wall, half + 2 * wall, height], [TRAY.centre[0] + side, TRAY.centre[1], height], [0, 0, 0, 1])
        box([half, wall, height], [TRAY.centre[0], TRAY.centre[1] + side, height], [0, 0, 0, 1])
    view = pybullet.computeViewMatrix(CAMERA.eye, CAMERA.target, CAMERA.up)
    projection = pybullet.computeProjectionMatrixFOV(CAMERA.field_of_view, 1, 0.02, 3)
    segments = pybullet.getCameraImage(
        SIZE, SIZE, view, projection, renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client
    )[4]
    pybullet.disconnect(client)
    bodies = np.reshape(segments, (SIZE, SIZE))
    return np.isin(bodies, objects), np.isin(bodies, [arm, palm, *fingers])


def _object(client: int, name: str, where: NDArray[np.float64]) -> int:
    """An object as PyBullet shows it: all colours of its surface as one mesh."""
    meshes = object_meshes(name)
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    shape = pybullet.createVisualShape(
        pybullet.GEOM_MESH,
        vertices=np.concatenate([mesh.vertices for mesh in meshes]).tolist(),
        normals=np.concatenate([mesh.normals for mesh in meshes]).tolist(),
        indices=np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)])
        .ravel()
        .tolist(),
        physicsClientId=client,
    )
    body: int = pybullet.createMultiBody(0, -1, shape, where[:3].tolist(), where[3:].tolist(), physicsClientId=client)
    return body


@pytest.mark.parametrize(("task", "seed"), [("blocks", 0), ("blocks", 1), ("bottles", 0), ("bottles-5", 1)])
def test_silhouettes_are_those_of_tiny_renderer(renderer: Renderer, task: str, seed: int) -> None:
    scene, pose = drawn(seed, task)
    image, initial = renderer.image(scene, pose), renderer.initial_image(scene)
    objects, arm = tiny_renderer(scene, pose)
    assert overlap(differ(image, initial), arm) > 0.95
    seen = differ(image, renderer.image(EMPTY, pose))
    assert overlap(seen, objects) > 0.95


def test_a_block_spans_what_the_camera_matrix_says(renderer: Renderer) -> None:
    half = np.array(BLOCK.half_extents)
    scene = Scene(("block",), np.array([[*TRAY.centre, half[2], 0, 0, 0, 1]], dtype=np.float64))
    rows, columns = np.nonzero(differ(renderer.initial_image(scene), renderer.initial_image(EMPTY)))
    corners = [
        [*(scene.poses[0, :3] + half * sign), 1] for sign in np.stack(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, 8).T
    ]
    pixels = camera_matrix(CAMERA, SIZE) @ np.transpose(corners)
    (left, top), (right, bottom) = (pixels[:2] / pixels[2]).min(axis=1), (pixels[:2] / pixels[2]).max(axis=1)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(found, [left, top, right, bottom], atol=1.0)


def test_the_same_input_gives_the_same_bytes(renderer: Renderer) -> None:
    first, other = drawn(0), drawn(1)
    image = renderer.image(*first)
    renderer.image(*other)
    np.testing.assert_array_equal(renderer.image(*first), image)
    np.testing.assert_array_equal(Renderer(SIZE).image(*first), image)


@pytest.mark.parametrize("size", [64, 128])
def test_images_have_the_size_asked_for(size: int) -> None:
    image = Renderer(size).image(*drawn(2))
    assert image.shape == (size, size, 3) and image.dtype == np.uint8
    assert image.std() > 20


def test_an_arm_out_of_reach_cannot_be_drawn(renderer: Renderer) -> None:
    with pytest.raises(GraspError, match="out of reach"):
        renderer.image(EMPTY, np.array([3.0, 0.0, 0.1, 0.0]))
