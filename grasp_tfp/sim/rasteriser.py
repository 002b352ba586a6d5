"""A z-buffer in Numba: one thread, no graphics driver, the same bytes on every run.

Triangles are rasterised in homogeneous coordinates (Olano and Greer 1997): the edge functions come from
the vertices before the perspective division, so a triangle that reaches behind the camera needs no
clipping, and the inverse depth that they add up to is linear across the screen.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["AMBIENT", "NEAR", "box_filter", "draw"]

Floats = NDArray[np.float64]

NEAR = 0.02
"""Nothing nearer to the camera than this is drawn [m]."""

AMBIENT = 0.45
"""Share of a surface's colour that it shows when turned away from the light."""


def _compiled(function: Callable[..., Any]) -> Any:
    """Compiles for one thread without the interpreter's lock; caches on disk where some cache can be written."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        return numba.njit(nogil=True, error_model="numpy")(function)


@_compiled
def _transform(
    vertices: Floats, normals: Floats, matrix: Floats, light: Floats, corners: Floats, width: int, height: int
) -> bool:
    """Writes `(x * depth, y * depth, depth, x, y, brightness)` of each vertex, x and y in pixels.

    Returns:
        Whether anything may be visible: not all vertices lie beyond the same side of the view.
    """
    (a, b, c, d), (e, f, g, h), (p, q, r, s) = matrix[0], matrix[1], matrix[2]
    light_x, light_y, light_z = light
    left = right = above = below = behind = 0
    for i in range(len(vertices)):
        vx, vy, vz = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        x, y, depth = a * vx + b * vy + c * vz + d, e * vx + f * vy + g * vz + h, p * vx + q * vy + r * vz + s
        cosine = normals[i, 0] * light_x + normals[i, 1] * light_y + normals[i, 2] * light_z
        corners[i, 0], corners[i, 1], corners[i, 2] = x, y, depth
        corners[i, 3], corners[i, 4] = x / depth, y / depth
        corners[i, 5] = AMBIENT + (1.0 - AMBIENT) * max(cosine, 0.0)
        left, right = left + (x < 0.0), right + (x > width * depth)
        above, below = above + (y < 0.0), below + (y > height * depth)
        behind += depth < NEAR
    return max(left, right, above, below, behind) < len(vertices)


@_compiled
def _covered(a: float, b: float, c: float, size: int) -> tuple[int, int]:
    """First and last pixel whose centre may lie between three positions along one axis."""
    low, high = min(a, b, c), max(a, b, c)
    return int(np.ceil(max(low - 0.5, 0.0))), int(np.floor(min(high - 0.5, size - 1.0)))


@_compiled
def draw(
    vertices: Floats,
    normals: Floats,
    faces: NDArray[np.int32],
    colour: Floats,
    matrix: Floats,
    light: Floats,
    image: NDArray[np.uint32],
    inverse_depth: NDArray[np.float32],
) -> None:
    """Draws one mesh into an image, where it is nearest.

    Args:
        vertices: Positions in the mesh's frame [m], (n, 3).
        normals: Outward unit normals in the mesh's frame, (n, 3).
        faces: Vertices of each triangle, counterclockwise from outside, (m, 3); the other side is not drawn.
        colour: Red, green and blue in [0, 1], (3,).
        matrix: From the mesh's frame to pixels times depth, (3, 4).
        light: Unit vector towards the light in the mesh's frame, (3,).
        image: Packed colours `0xRRGGBB`, uint32 (h, w), changed in place.
        inverse_depth: One over the distance along the camera's axis [1/m], float32 (h, w), changed in place.
    """
    height, width = image.shape
    corners = np.empty((len(vertices), 6))
    if not _transform(vertices, normals, matrix, light, corners, width, height):
        return
    for face in range(len(faces)):
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, aw = corners[i, 0], corners[i, 1], corners[i, 2]
        bx, by, bw = corners[j, 0], corners[j, 1], corners[j, 2]
        cx, cy, cw = corners[k, 0], corners[k, 1], corners[k, 2]
        left, right, top, bottom = 0, width - 1, 0, height - 1
        if min(aw, bw, cw) >= NEAR:
            left, right = _covered(corners[i, 3], corners[j, 3], corners[k, 3], width)
            top, bottom = _covered(corners[i, 4], corners[j, 4], corners[k, 4], height)
            if left > right or top > bottom:
                continue
        ux, uy, uw = by * cw - cy * bw, bw * cx - cw * bx, bx * cy - cx * by
        volume = ax * ux + ay * uy + aw * uw
        if volume >= 0.0:
            continue
        vx, vy, vw = cy * aw - ay * cw, cw * ax - aw * cx, cx * ay - ax * cy
        wx, wy, ww = ay * bw - by * aw, aw * bx - bw * ax, ax * by - bx * ay
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                u = ux * x + uy * y + uw
                v = vx * x + vy * y + vw
                w = wx * x + wy * y + ww
                if u > 0.0 or v > 0.0 or w > 0.0:
                    continue
                total = u + v + w
                near = total / volume
                if near <= inverse_depth[row, column] or near > 1.0 / NEAR:
                    continue
                shade = 255.0 * (u * corners[i, 5] + v * corners[j, 5] + w * corners[k, 5]) / total
                red, green, blue = int(colour[0] * shade), int(colour[1] * shade), int(colour[2] * shade)
                image[row, column] = red << 16 | green << 8 | blue
                inverse_depth[row, column] = near


@_compiled
def box_filter(image: NDArray[np.uint32], factor: int) -> NDArray[np.uint8]:
    """Averages squares of `factor` pixels of packed colours (h * factor, w * factor) into bytes (h, w, 3)."""
    height, width = image.shape[0] // factor, image.shape[1] // factor
    out = np.empty((height, width, 3), np.uint8)
    count = factor * factor
    mean = ((np.arange(255 * count + 1) + count // 2) // count).astype(np.uint8)
    for row in range(height):
        for column in range(width):
            red, green, blue = 0, 0, 0
            for i in range(factor):
                for j in range(factor):
                    packed = image[row * factor + i, column * factor + j]
                    red += packed >> 16
                    green += packed >> 8 & 0xFF
                    blue += packed & 0xFF
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = mean[red], mean[green], mean[blue]
    return out
