"""An arm's kinematics from its URDF: forward, and inverse for fingertips that point straight down."""

import dataclasses
import importlib.resources
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grasp_tfp.actions import wrap_yaw
from grasp_tfp.errors import UsageError

__all__ = ["Chain", "read_urdf"]

Floats = NDArray[np.float64]

IIWA = "iiwa"
"""Names the KUKA LBR iiwa 7 of pybullet_data."""

ITERATIONS = 40
DAMPING = 1e-4
"""Added to the squared singular values of the Jacobian."""

LONGEST = 0.3
"""Of one iteration's step in any joint [rad]."""

EXACT = 1e-11
"""Largest error at which the iteration ends [m, rad]."""


@dataclasses.dataclass(frozen=True)
class Chain:
    """The joints from the base to the tool."""

    names: tuple[str, ...]
    """Names of the moving joints in the URDF."""

    fixed: Floats
    """From each joint's parent frame to its own at angle zero, and from the last to the fingertips, (n+1, 4, 4)."""

    axes: Floats
    """Axis of each joint in its own frame, (n, 3)."""

    lower: Floats
    upper: Floats
    """Limits of each joint [rad], (n,)."""

    home: Floats
    """Where the search for an inverse begins [rad], (n,); a pose has one answer, wherever the arm comes from."""

    flange_yaw: float
    """Direction of the tip link's x axis in the base frame when the jaw's yaw is zero [rad]."""

    def pose(self, angles: ArrayLike) -> Floats:
        """The fingertips' `(x, y, z, yaw)` in the base frame (..., 4) for joint angles (..., n) [rad]."""
        tip = self._frames(np.asarray(angles, np.float64))[-1]
        yaw = wrap_yaw(np.arctan2(tip[..., 1, 0], tip[..., 0, 0]) - self.flange_yaw)
        return np.concatenate([tip[..., :3, 3], yaw[..., None]], axis=-1)

    def joints(self, angles: ArrayLike) -> Floats:
        """Where the base, each joint and the fingertips are in the base frame, (..., n+2, 3) [m]."""
        places = [frame[..., :3, 3] for frame in self._frames(np.asarray(angles, np.float64))]
        return np.stack([np.zeros_like(places[0]), *places], axis=-2)

    def tilt(self, angles: ArrayLike) -> Floats:
        """How far the jaw of joint angles (..., n) is from pointing straight down [rad], (...)."""
        down = -self._frames(np.asarray(angles, np.float64))[-1][..., 2, 2]
        return np.asarray(np.arccos(np.clip(down, -1, 1)))

    def angles(self, poses: ArrayLike) -> Floats:
        """Joint angles (..., n) [rad] that bring the fingertips to `poses` (..., 4); NaN where the search fails.

        Damped least squares from `home`, for all poses at once; a yaw outside [-π/2, π/2) is the flange's own.
        """
        targets = np.asarray(poses, np.float64)
        flat = targets.reshape(-1, 4)
        q = np.broadcast_to(self.home, (len(flat), len(self.names))).copy()
        wanted = _pointing_down(flat[:, 3] + self.flange_yaw)
        for _ in range(ITERATIONS):
            error, jacobian = self._error(q, flat[:, :3], wanted)
            if np.abs(error).max(initial=0.0) < EXACT:
                break
            square = jacobian @ np.swapaxes(jacobian, -1, -2) + DAMPING * _shrinking(error)
            step = (np.swapaxes(jacobian, -1, -2) @ np.linalg.solve(square, error[..., None]))[..., 0]
            q += step * np.minimum(1, LONGEST / np.maximum(np.abs(step).max(axis=-1, keepdims=True), 1e-300))
        error, _ = self._error(q, flat[:, :3], wanted)
        found = np.abs(error).max(axis=-1) < 1e-6
        return np.where(found[:, None], q, np.nan).reshape(*targets.shape[:-1], len(self.names))

    def within(self, angles: ArrayLike, margin: float) -> NDArray[np.bool_]:
        """Whether joint angles (..., n) exist and keep `margin` [rad] to every limit, (...)."""
        q = np.asarray(angles, np.float64)
        return np.asarray(np.all((q >= self.lower + margin) & (q <= self.upper - margin), axis=-1))

    def _frames(self, q: Floats) -> list[Floats]:
        """The frame of each joint, turned by its angle, and the fingertips', each (..., 4, 4)."""
        frames = [np.broadcast_to(self.fixed[0], (*q.shape[:-1], 4, 4)) @ _turn(self.axes[0], q[..., 0])]
        for joint in range(1, len(self.names)):
            frames.append(frames[-1] @ self.fixed[joint] @ _turn(self.axes[joint], q[..., joint]))
        return [*frames, frames[-1] @ self.fixed[-1]]

    def _error(self, q: Floats, places: Floats, wanted: Floats) -> tuple[Floats, Floats]:
        """What is missing to the targets, as translation and rotation vector (m, 6), and the Jacobian (m, 6, n)."""
        *frames, tip = self._frames(q)
        turn = wanted @ np.swapaxes(tip[..., :3, :3], -1, -2)
        error = np.concatenate([places - tip[..., :3, 3], _rotation_vector(turn)], axis=-1)
        columns = []
        for frame, axis in zip(frames, self.axes, strict=True):
            direction = frame[..., :3, :3] @ axis
            columns.append(np.concatenate([np.cross(direction, tip[..., :3, 3] - frame[..., :3, 3]), direction], -1))
        return error, np.stack(columns, axis=-1)


def read_urdf(
    path: str, base: str, tip: str, home: Sequence[float], tcp_offset: Sequence[float], flange_yaw: float
) -> Chain:
    """Reads the joints between two links of a URDF.

    Args:
        path: File, or `iiwa` for the KUKA LBR iiwa that comes with PyBullet.
        base: Link whose frame is the base frame.
        tip: Link that carries the jaw, whose z points along the fingers.
        home: Joint angles at which the jaw points down above the tray [rad].
        tcp_offset: From the tip link to the point between the fingertips, in the tip link's frame [m].
        flange_yaw: See `Chain.flange_yaw` [rad].

    Raises:
        UsageError: The file is missing or has no such chain of as many joints as `home` has angles.
    """
    joints = _joints(_text(path), base, tip, path)
    fixed, axes, names, limits = [np.eye(4)], [], [], []
    for joint in joints:
        fixed[-1] = fixed[-1] @ _origin(joint)
        if joint.get("type") == "fixed":
            continue
        names.append(joint.get("name", ""))
        axis, limit = joint.find("axis"), joint.find("limit")
        axes.append(_numbers("1 0 0" if axis is None else axis.get("xyz", "1 0 0")))
        if limit is None or joint.get("type") != "revolute":
            raise UsageError(f"The joint {names[-1]!r} of {path!r}: expected a revolute joint with limits.")
        limits.append([float(limit.get("lower", "0")), float(limit.get("upper", "0"))])
        fixed.append(np.eye(4))
    if len(names) != len(home):
        raise UsageError(f"The chain from {base!r} to {tip!r} has {len(names)} joints: received {len(home)} at home.")
    fixed[-1] = fixed[-1] @ _transform(tcp_offset, np.eye(3))
    lower, upper = np.array(limits).T
    return Chain(tuple(names), np.array(fixed), np.array(axes), lower, upper, np.array(home, np.float64), flange_yaw)


def _text(path: str) -> str:
    if path == IIWA:
        return (importlib.resources.files("pybullet_data") / "kuka_iiwa/model.urdf").read_text(encoding="utf-8")
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"Cannot read the URDF {path!r}: {error.strerror}. Set arm.urdf in the fleet file.") from error


def _joints(text: str, base: str, tip: str, path: str) -> list[ElementTree.Element]:
    """The joints from base to tip, in this order."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UsageError(f"Cannot read the URDF {path!r}: {error}. Expand xacro files first.") from error
    above = {_link(joint, "child"): joint for joint in root.iter("joint") if joint.find("child") is not None}
    joints, link = list[ElementTree.Element](), tip
    while link != base:
        if link not in above or len(joints) > len(above):
            links = ", ".join(element.get("name", "") for element in root.iter("link"))
            raise UsageError(f"The URDF {path!r} has no chain from {base!r} to {tip!r}. Its links are {links}.")
        joints.append(above[link])
        link = _link(above[link], "parent")
    return joints[::-1]


def _link(joint: ElementTree.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else element.get("link", "")


def _origin(joint: ElementTree.Element) -> Floats:
    origin = joint.find("origin")
    attributes = {} if origin is None else origin.attrib
    roll, pitch, yaw = _numbers(attributes.get("rpy", "0 0 0"))
    x, y, z = np.eye(3)
    rotation = _turn(z, np.array(yaw)) @ _turn(y, np.array(pitch)) @ _turn(x, np.array(roll))
    return _transform(_numbers(attributes.get("xyz", "0 0 0")), rotation[:3, :3])


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split()]


def _transform(place: Sequence[float], rotation: Floats) -> Floats:
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, place
    return transform


def _turn(axis: Floats, angle: Floats) -> Floats:
    """Rotations about an axis (3,) by angles (...), as homogeneous matrices (..., 4, 4)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], np.float64)
    turned = np.zeros((*angle.shape, 4, 4))
    sine, cosine = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    turned[..., :3, :3] = np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)
    turned[..., 3, 3] = 1.0
    return turned


def _pointing_down(direction: Floats) -> Floats:
    """Frames (..., 3, 3) whose z points down and whose x points in `direction` (...) [rad]."""
    cosine, sine, zero = np.cos(direction), np.sin(direction), np.zeros_like(direction)
    rows = [[cosine, sine, zero], [sine, -cosine, zero], [zero, zero, zero - 1]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _rotation_vector(rotation: Floats) -> Floats:
    """Axis times angle (..., 3) of rotations (..., 3, 3) below half a turn."""
    skew = (rotation - np.swapaxes(rotation, -1, -2)) / 2
    vector = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1)
    sine = np.linalg.norm(vector, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (np.trace(rotation, axis1=-2, axis2=-1)[..., None] - 1) / 2)
    return np.asarray(vector * np.where(sine > 1e-12, angle / np.maximum(sine, 1e-300), 1.0))


def _shrinking(error: Floats) -> Floats:
    """The identity, weighted so that damping ends where the error does, (m, 6, 6)."""
    size = np.minimum(1.0, np.abs(error).max(axis=-1))
    return np.asarray(size[:, None, None] * np.eye(error.shape[-1]))
