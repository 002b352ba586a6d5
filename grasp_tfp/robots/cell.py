"""A grasp cell whose arm, gripper and camera are behind rosbridge, as a robot."""

import io
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from grasp_tfp.errors import RobotError, SafetyStop, UsageError
from grasp_tfp.robots.arm import Arm
from grasp_tfp.robots.chain import read_urdf
from grasp_tfp.robots.envelope import Envelope
from grasp_tfp.robots.link import Frame
from grasp_tfp.robots.operator import ask_operator
from grasp_tfp.robots.robot import GraspResult, Observation, Robot
from grasp_tfp.robots.settings import CellSettings, parse

__all__ = ["BEGIN", "DESCRIBE", "END", "Judge", "RosbridgeRobot", "ask_whether_held"]

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
Judge = Callable[[Picture, Picture], bool]

BEGIN, END, DESCRIBE = "/graspctl/begin_trial", "/graspctl/end_trial", "/graspctl/describe"
"""Services that only a twin offers: lays out a scene, tells whether an object is held, tells what the cell is."""

NEAR = 0.05
"""Joint angles this close count as the same posture [rad]."""

POSITION_ERROR = 0.005
"""Largest error of a finished move [m]."""

YAW_ERROR = np.radians(2)
"""Largest error of a finished move [rad]."""

FAR = 0.02
"""After a move this long the picture must have changed [m]."""

DARK = 8
"""A picture whose brightest value is below shows nothing."""


def ask_whether_held(post_grasp: Picture, post_drop: Picture) -> bool:
    """Asks the operator, where nothing else decides a grasp's success.

    Raises:
        RobotError: There is nobody at a terminal.
    """
    try:
        return input("Was an object held? [y/n] ").strip().lower().startswith("y")
    except EOFError as error:
        raise RobotError("Expected somebody at a terminal to say whether an object was held.") from error


class RosbridgeRobot(Robot):
    """A robot of the fleet file.

    Args:
        name: Name in the fleet file.
        task: Name of what lies in the tray.
        settings: The rest of its table.
        image_size: Height and width of the images that `observe` gives [pixels].
        dry_run: Whether nothing must move.
        operator: Asked before the first motion.
        judge: Decides success by the pictures before and after the drop (Section V); a twin needs none.

    Raises:
        UsageError: The settings contradict each other.
        RobotError: It cannot be reached.
    """

    def __init__(
        self,
        name: str,
        task: str,
        settings: CellSettings,
        image_size: int,
        *,
        dry_run: bool = False,
        operator: Callable[[str, str], None] = ask_operator,
        judge: Judge | None = None,
    ) -> None:
        self.name, self.task = name, task
        self._settings, self._image_size = settings, image_size
        self._judge = judge or ask_whether_held
        self.label_source = "lift-height" if settings.twin else "image-difference" if judge else "operator"
        arm = settings.arm
        self._home, self._clear = np.radians(arm.home_deg), np.radians(arm.clear_view_deg)
        chain = read_urdf(
            arm.urdf, arm.base, arm.tip, self._home.tolist(), arm.tcp_offset_m, float(np.radians(arm.flange_yaw_deg))
        )
        self.envelope = Envelope(chain, settings.limits)
        self._check_postures()
        self.arm = Arm(name, settings, dry_run=dry_run, operator=operator)
        self.cell = dict(settings.cell)
        if settings.twin:
            self.cell = self.arm.call(DESCRIBE, {})["cell"]
        self._rested = -np.inf
        self._target: Floats | None = None
        self._initial: Picture | None = None
        self._last: tuple[bytes, Floats] | None = None

    @classmethod
    def connect(
        cls, name: str, task: str, seed: int, *, image_size: int, settings: Mapping[str, Any], dry_run: bool = False
    ) -> Self:
        """Connects to the robot; it asks its operator before its first motion."""
        return cls(name, task, parse(CellSettings, settings, name), image_size, dry_run=dry_run)

    def begin(self, index: int) -> None:
        """Opens the jaw, takes the initial image with the arm out of view, and brings the jaw above the tray."""
        start = self.envelope.chain.pose(self._home)
        if self._settings.twin:
            begun = self.arm.call(BEGIN, {"index": index, "image_size": self._image_size})
            start, self.cell = np.array(begun["pose"]), begun["cell"]
        self.arm.grip(self._settings.gripper.open)
        self._clear_view()
        self._initial = self._picture()
        self._swing(self._home)
        self._go(start)

    @property
    def pose(self) -> Floats:
        """Where the fingertips are, in the base frame, (4,)."""
        return self.envelope.chain.pose(self.arm.joints().position)

    def observe(self) -> Observation:
        """What the camera sees since the arm came to rest; before the first trial it is the initial image, too."""
        picture = self._picture()
        return Observation(picture, picture if self._initial is None else self._initial)

    def feasible(self, actions: Floats) -> NDArray[np.bool_]:
        """Whether the envelope allows each of the relative moves `actions` (n, 4), (n,)."""
        return np.array([not reason for reason in self.refusals(actions)], np.bool_)

    def refusals(self, actions: Floats) -> list[str]:
        """Why each of the relative moves `actions` (n, 4) is refused; empty for those that are not."""
        return self.envelope.refusals(self.pose, np.asarray(actions, np.float64))

    def move(self, action: Floats) -> None:
        """Makes the relative move `action` (4,) in a straight line.

        Raises:
            RobotError: It is not feasible; nothing has moved.
            SafetyStop: The arm was held on the way.
        """
        refusal = self.refusals(np.asarray(action)[None])[0]
        if refusal:
            moved = np.array2string(np.asarray(action), precision=3)
            raise RobotError(f"{self.name}: refused to move by {moved}: {refusal}. Nothing has moved.")
        self._go(self.envelope.reached(self.pose, action))

    def grasp(self) -> GraspResult:
        """Goes straight down, closes, lifts, and finds out whether an object is held."""
        limits = self._settings.limits
        final = self.pose
        self._go(np.array([*final[:2], limits.grasp_height_m, final[3]]))
        final = self.pose
        self.arm.grip(self._settings.gripper.closed)
        self._go(np.array([*final[:2], limits.lift_m, final[3]]))
        if self._settings.twin:
            ended = self.arm.call(END, {})
            return GraspResult(final, bool(ended["success"]), str(ended["failure"]))
        self._clear_view()
        post_grasp = self._picture()
        self._swing(self._home)
        self.arm.grip(self._settings.gripper.open)
        self._clear_view()
        return GraspResult(final, self._judge(post_grasp, self._picture()))

    def knows_the_way(self) -> bool:
        """Whether the arm stands where it gets home from: above its part of the tray, or on the way to clear view."""
        joints = self.arm.joints().position
        pose = self.envelope.chain.pose(joints)
        inside = self.envelope.contains([*pose[:2], self._settings.limits.workspace_min_m[2]])
        home_like = np.abs(self.envelope.chain.angles(pose) - joints).max() <= NEAR
        return self._on_swing(joints) or bool(inside and home_like)

    def close(self) -> None:
        """Holds the arm if it moves, gives the lease back and disconnects."""
        self.arm.close()

    def _check_postures(self) -> None:
        home = self.envelope.chain.pose(self._home)
        limits = self._settings.limits
        if not self.envelope.contains(home) or self.envelope.chain.tilt(self._home) > np.radians(1):
            raise UsageError(
                f"{self.name}.arm.home_deg leads to {np.round(home, 3).tolist()}: expected a jaw pointing down inside "
                f"the workspace {limits.workspace_min_m} to {limits.workspace_max_m}."
            )
        swing = self.envelope.swing(self._home, self._clear)
        if not (self.envelope.allows(swing) and self.envelope.above_floor(swing)):
            raise UsageError(
                f"{self.name}.arm.clear_view_deg: expected a posture that the arm reaches from home within its joint "
                "limits, the fingertips above the floor of the free space on all the way."
            )

    def _clear_view(self) -> None:
        """Brings the arm out of the picture: straight up to the free space, home, and aside."""
        joints = self.arm.joints().position
        if not self._on_swing(joints):
            pose = self.envelope.chain.pose(joints)
            if not self.knows_the_way():
                raise RobotError(
                    f"{self.name} stands at {np.round(np.degrees(joints), 1).tolist()}°, from where no safe way to its "
                    "home is known. Nothing has moved. Bring it home with its own pendant, then start again."
                )
            self._go(np.array([*pose[:2], max(pose[2], self._settings.limits.workspace_min_m[2]), pose[3]]))
            self._go(self.envelope.chain.pose(self._home))
        self._swing(self._clear)

    def _on_swing(self, joints: Floats) -> bool:
        """Whether the arm is somewhere between home and clear view."""
        way = self._home - self._clear
        share = np.clip((joints - self._clear) @ way / (way @ way), 0, 1)
        return bool(np.abs(self._clear + share * way - joints).max() < NEAR)

    def _swing(self, posture: Floats) -> None:
        """Moves between home and clear view."""
        self._follow(self.envelope.swing(self.arm.joints().position, posture))

    def _go(self, target: Floats) -> None:
        """Moves the fingertips in a straight line to a pose (4,), in halves where one command would be too long."""
        pose = self.pose
        path = self.envelope.paths(pose, target)
        if not self.envelope.allows(path):
            raise RobotError(
                f"{self.name}: no way from {np.round(pose, 3).tolist()} to {np.round(target, 3).tolist()} within the "
                "joint limits. Nothing has moved."
            )
        path[0] = self.arm.joints().position
        if np.abs(path[1] - path[0]).max() > 1.0:
            raise RobotError(f"{self.name} is in another posture than its fleet file's home leads to. Bring it home.")
        if self.envelope.times(path)[-1] > self._settings.limits.max_segment_s:
            self._go((pose + target) / 2)
            return self._go(target)
        if np.abs(target - pose).max() < 1e-6:
            return None
        self._follow(path)
        return None

    def _follow(self, path: Floats) -> None:
        """Moves along joint angles (k, n) and compares where the arm ends with where it should."""
        times = self.envelope.times(path)
        wanted = self.envelope.chain.pose(path[-1])
        for _ in range(2):
            state = self.arm.follow(path, times)
            self._rested = state.stamp
            error = self.envelope.chain.pose(state.position) - wanted
            if np.linalg.norm(error[:3]) <= POSITION_ERROR and abs(error[3]) <= YAW_ERROR:
                return
            path = self.envelope.swing(state.position, path[-1])
        where = f"{1000 * np.linalg.norm(error[:3]):.1f} mm and {np.degrees(abs(error[3])):.1f}°"
        raise SafetyStop(f"{self.name} ended {where} from its target, twice. {self.arm.hold()}")

    def _picture(self) -> Picture:
        """The camera's image since the last motion ended, cropped and scaled."""
        frame, joints = self.arm.frame(newer_than=self._rested), self.arm.joints()
        place = self.envelope.chain.pose(joints.position)[:3]
        if self._last is not None and frame.data == self._last[0]:
            if np.linalg.norm(place - self._last[1]) > FAR:
                raise RobotError(
                    f"{self.name}: the camera repeats one image although the arm moved. Restart its driver."
                )
        self._last = (frame.data, place)
        return self._decoded(frame)

    def _decoded(self, frame: Frame) -> Picture:
        try:
            image = Image.open(io.BytesIO(frame.data)).convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise RobotError(
                f"{self.name}: the camera's image cannot be decoded: {error}. Check its driver."
            ) from error
        crop = self._settings.camera.crop
        if crop:
            image = image.crop((crop[0], crop[1], crop[2], crop[3]))
        if image.width != image.height:
            raise RobotError(
                f"{self.name}: expected a square picture, received {image.width}×{image.height}. Set camera.crop."
            )
        size = (self._image_size, self._image_size)
        pixels = np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BOX), np.uint8)
        if pixels.max() < DARK:
            raise RobotError(f"{self.name}: the picture is black. Check the camera and its cover.")
        return pixels
