"""The z-buffer on surfaces whose picture is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.sim import rasteriser
from grasp_tfp.sim.meshes import Mesh, box_mesh

SIZE = 64
FOCAL = 32.0
CAMERA = np.array([[FOCAL, 0, SIZE / 2, 0], [0, FOCAL, SIZE / 2, 0], [0, 0, 1, 0]])
"""At the origin, looking along z with x to the right and y down, 90 degrees wide."""

LIGHT = np.array([0.0, 0.0, -1.0])
WHITE = np.array([1.0, 1.0, 1.0])


def pictured(*meshes: Mesh) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    image, inverse_depth = np.zeros((SIZE, SIZE), np.uint32), np.zeros((SIZE, SIZE), np.float32)
    for mesh in meshes:
        rasteriser.draw(*mesh, CAMERA, LIGHT, image, inverse_depth)
    return image, inverse_depth


def quad(corners: list[list[float]]) -> Mesh:
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    return Mesh(np.array(corners), np.tile(LIGHT, (4, 1)), faces, WHITE)


def test_a_floor_that_reaches_behind_the_camera_has_the_depth_of_its_plane() -> None:
    floor = quad([[-200, 1, -5], [200, 1, -5], [200, 1, 100], [-200, 1, 100]])
    _, inverse_depth = pictured(floor)
    rows = np.arange(SIZE) + 0.5
    expected = np.maximum((rows - SIZE / 2) / FOCAL, 0.0)
    expected[expected < 1 / 100] = 0
    np.testing.assert_allclose(inverse_depth, np.tile(expected[:, None], (1, SIZE)), atol=1e-5)


def test_the_nearer_surface_hides_the_other_in_either_order() -> None:
    near, far = box_mesh((0.2, 0.2, 0.1), (0, 0, 1.1), (1, 0, 0)), box_mesh((2, 2, 0.1), (0, 0, 3.1), (0, 1, 0))
    first, second = pictured(near, far), pictured(far, near)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0][SIZE // 2, SIZE // 2] == 0xFF0000
    assert first[1][SIZE // 2, SIZE // 2] == pytest.approx(1.0)
    assert first[1][SIZE // 2, 50] == pytest.approx(1 / 3)


@pytest.mark.parametrize("centre", [(0, 0, -2), (5, 0, 1), (-5, 0, 1), (0, 5, 1), (0, -5, 1), (0, 0, 0)])
def test_nothing_is_drawn_beyond_the_view_or_from_inside(centre: tuple[float, float, float]) -> None:
    image, _ = pictured(box_mesh((0.5, 0.5, 0.5), centre, (1, 1, 1)))
    assert not image.any()


def test_neighbouring_triangles_leave_no_gap() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.uniform(-0.8, 0.8, 2)
        corners = np.array([[-3, -3, 2], [3, -3, 2], [3, 3, 2], [-3, 3, 2], [x, y, 2]], dtype=np.float64)
        faces = np.array([[(k + 1) % 4, k, 4] for k in range(4)], dtype=np.int32)
        _, inverse_depth = pictured(Mesh(corners, np.tile(LIGHT, (5, 1)), faces, WHITE))
        np.testing.assert_allclose(inverse_depth, 0.5, atol=1e-6)


def test_squares_of_pixels_are_averaged() -> None:
    image = np.array([[0xFF0000, 0x00FF00, 0x010203], [0x0000FF, 0xFFFFFF, 0x000000]], np.uint32)
    np.testing.assert_array_equal(rasteriser.box_filter(image[:, :2].copy(), 2), [[[128, 128, 128]]])
    np.testing.assert_array_equal(rasteriser.box_filter(image, 1)[0], [[255, 0, 0], [0, 255, 0], [1, 2, 3]])


def test_it_compiles_where_nothing_can_be_cached() -> None:
    namespace: dict[str, object] = {}
    exec("def double(x):\n    return 2 * x", namespace)
    assert rasteriser._compiled(namespace["double"])(21) == 42  # type: ignore[arg-type]
