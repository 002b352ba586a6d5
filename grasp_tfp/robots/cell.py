"""A grasp cell whose arm, gripper and camera are behind rosbridge, as a robot."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import RobotError
from grasp_tfp.labelling import LABEL_SOURCE
from grasp_tfp.robots.arm import Arm
from grasp_tfp.robots.camera import Camera, Look, scaled
from grasp_tfp.robots.chain import read_urdf
from grasp_tfp.robots.envelope import Envelope
from grasp_tfp.robots.fleet import fleet_file
from grasp_tfp.robots.judging import OPERATOR, ImageJudge, Judge, OperatorJudge
from grasp_tfp.robots.labels import SIZE, read_labels
from grasp_tfp.robots.operator import ask_operator
from grasp_tfp.robots.robot import GraspResult, Observation, Robot
from grasp_tfp.robots.settings import CellSettings, parse
from grasp_tfp.robots.ways import Ways, check_postures

__all__ = ["BEGIN", "DESCRIBE", "END", "RosbridgeRobot"]

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

BEGIN, END, DESCRIBE = "/graspctl/begin_trial", "/graspctl/end_trial", "/graspctl/describe"
"""Services that only a twin offers: lays out a scene, tells whether an object is held, tells what the cell is."""


class RosbridgeRobot(Robot):
    """A robot of the fleet file.

    Args:
        name: Name in the fleet file.
        task: Name of what lies in the tray.
        settings: The rest of its table.
        image_size: Height and width of the images that `observe` gives [pixels].
        dry_run: Whether nothing must move.
        operator: Asked before the first motion.
        judge: Decides success by the pictures before and after the drop (Section V). Without it a twin tells, and on
            any other robot the operator is asked.

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
        self._judge = judge or (None if settings.twin else OperatorJudge(name))
        self.label_source = LABEL_SOURCE if judge else "lift-height" if settings.twin else OPERATOR
        arm = settings.arm
        home, yaw = np.radians(arm.home_deg).tolist(), float(np.radians(arm.flange_yaw_deg))
        chain = read_urdf(arm.urdf, arm.base, arm.tip, home, arm.tcp_offset_m, yaw)
        self.envelope = Envelope(chain, settings.limits)
        check_postures(name, arm, self.envelope)
        self.arm = Arm(name, settings, dry_run=dry_run, operator=operator)
        self.cell = dict(settings.cell)
        if settings.twin:
            self.cell = self.arm.call(DESCRIBE, {})["cell"]
        self._ways = Ways(self.arm, self.envelope)
        self._camera = Camera(self.arm, lambda: self.pose)
        self._seen: Look | None = None
        self._initial: Look | None = None
        self._open = False

    @classmethod
    def connect(
        cls, name: str, task: str, seed: int, *, image_size: int, settings: Mapping[str, Any], dry_run: bool = False
    ) -> Self:
        """Connects to the robot; it asks its operator before its first motion."""
        own, judge = parse(CellSettings, settings, name), None
        if own.labels:
            path = (fleet_file() or Path("fleet.toml")).parent / Path(own.labels).expanduser()
            judge = ImageJudge(name, read_labels(path, own.camera.crop))
        return cls(name, task, own, image_size, dry_run=dry_run, judge=judge)

    def begin(self, index: int) -> None:
        """Opens the jaw over the tray, takes the initial image with the arm out of view, and comes back."""
        start = self._laid_out(index)
        self._open_jaw()
        self._ways.clear_view()
        self._initial = self._look()
        self._ways.come_home()
        self._ways.go(start)

    @property
    def pose(self) -> Floats:
        """Where the fingertips are, in the base frame, (4,)."""
        return self._ways.pose

    def observe(self) -> Observation:
        """What the camera sees since the arm came to rest; before the first trial it is the initial image, too."""
        look = self._look()
        initial = self._initial or look
        return Observation(scaled(look.pixels, self._image_size), scaled(initial.pixels, self._image_size))

    def recorded(self) -> tuple[bytes, bytes]:
        """The images of this step as large as the camera gives them, of what `observe` saw here if it was asked."""
        look = self._seen if self._seen is not None and self._seen.stamp > self._ways.rested else self._look()
        return look.jpeg(), (self._initial or look).jpeg()

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
        self._ways.go(self.envelope.reached(self.pose, action))

    def grasp(self) -> GraspResult:
        """Goes straight down, closes, lifts, and finds out whether an object is held."""
        limits = self._settings.limits
        final = self.pose
        self._ways.go(np.array([*final[:2], limits.grasp_height_m, final[3]]))
        final = self.pose
        self._open = False
        self.arm.grip(self._settings.gripper.closed)
        self._ways.go(np.array([*final[:2], limits.lift_m, final[3]]))
        if self._judge is None:
            ended = self.arm.call(END, {})
            return GraspResult(final, bool(ended["success"]), str(ended["failure"]))
        self._ways.clear_view()
        post_grasp = self._look()
        self._open_jaw()
        self._ways.clear_view()
        judged = self._judge(post_grasp.pixels, self._look().pixels)
        return GraspResult(final, judged.success, label_source=judged.source)

    def empty_pair(self, index: int) -> tuple[Picture, Picture]:
        """Pictures of the tray before and after the jaw opened over it with nothing in it.

        Args:
            index: Number of the pair; a twin lays out the scene of that number.
        """
        self._laid_out(index)
        self._open_jaw()
        self._ways.clear_view()
        before = self._look()
        self._open = False
        self._open_jaw()
        self._ways.clear_view()
        return before.pixels, self._look().pixels

    def come_home(self) -> None:
        """Brings the arm above the tray.

        Raises:
            RobotError: No safe way is known from where it stands; nothing has moved.
            SafetyStop: It was held on the way.
        """
        self._ways.come_home()

    def knows_the_way(self) -> bool:
        """Whether the arm stands where it gets home from: above its part of the tray, or on the way to clear view."""
        return self._ways.known()

    def close(self) -> None:
        """Holds the arm if it moves, gives the lease back and disconnects."""
        self.arm.close()

    def _laid_out(self, index: int) -> Floats:
        """Has a twin lay out the scene of a trial; where the jaw begins, (4,)."""
        if not self._settings.twin:
            return self._ways.home
        size = self._image_size if self._judge is None else max(self._image_size, SIZE)
        begun = self.arm.call(BEGIN, {"index": index, "image_size": size})
        self.cell = begun["cell"]
        return np.array(begun["pose"])

    def _open_jaw(self) -> None:
        """Opens the jaw, over the tray because it may hold something, unless it is open."""
        if not self._open:
            self._ways.come_home()
            self.arm.grip(self._settings.gripper.open)
            self._open = True

    def _look(self) -> Look:
        """What the camera sees since the last motion ended."""
        self._seen = self._camera.look(self._ways.rested)
        return self._seen
