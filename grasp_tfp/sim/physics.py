"""PyBullet contact between a gantry jaw and the objects of one scene.

The arm itself is not simulated: below the free space the jaw comes straight down, so a base fixed at
(x, y, yaw) with one vertical and two finger joints has the same contact as the arm's hand and steps
several times faster. Coarse steps create successes that finer ones take back, and so does a heavy jaw:
the solver converges slowly where a heavy body presses on a light one. `make fidelity` prints how far the
labels agree with a finer reference.
"""

import dataclasses
import itertools
from collections import deque
from collections.abc import Callable
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.quiet import quiet_stderr
from grasp_tfp.sim.bodies import GANTRY_FINGERS, add_gantry, add_object, add_tray
from grasp_tfp.sim.footprint import finger_footprints, gap, jaw_footprint
from grasp_tfp.sim.geometry import CLEAR, JAW, TRAY, Box, Jaw
from grasp_tfp.sim.objects import find_object, footprint, top
from grasp_tfp.trial import Scene

with quiet_stderr():
    import pybullet

__all__ = ["LIFTED", "GraspOutcome", "GraspWorld", "excluded", "may_hold"]

Floats = NDArray[np.float64]

LIFTED = 0.09
"""Height of an object's centre above the floor after the lift that counts as held [m] (Section V)."""

BLOCKED = 0.005
"""A descent that ends this far above the grasp height stands on something, where a real arm would stop [m]."""

ON_TOP = 0.005
"""A finger that comes down this far inside the edge of a flat object stands on it [m]."""

STILL, STILL_FOR = 1e-4, 1 / 30
"""What moves by less [m] in this time [s] has come to rest: the rest of the jaw's motion need not be simulated."""

CHECKS = 4
"""How often in that time it is looked at."""

ITERATIONS, ROUND_ITERATIONS = 50, 100
"""Of the contact solver in each step, and where something round may roll."""


@dataclasses.dataclass(frozen=True)
class GraspOutcome:
    """What a scripted grasp did."""

    success: bool
    object_poses: Floats
    """Position and quaternion (x, y, z, w) of each object at the end, (n, 7); what is carried is all the way up."""

    failure: str = ""
    """`wall` if the jaw came down against the tray, `blocked` if on an object, `missed` if it closed on nothing,
    `slipped` if it lost what it held; empty for a success."""


def may_hold(scene: Scene, gripper_pose: Floats, jaw: Jaw = JAW) -> bool:
    """Whether a grasp at `gripper_pose` (4,) can close on any object; if not, it fails without physics."""
    return not excluded(scene, gripper_pose, jaw)


def excluded(scene: Scene, gripper_pose: Floats, jaw: Jaw = JAW) -> str:
    """Why a grasp at `gripper_pose` (4,) can close on no object, `missed` or `blocked`; empty where physics decides."""
    swept = jaw_footprint(gripper_pose, jaw.opening, jaw.finger)
    things = _footprints(scene)
    if all(gap(swept, thing) > 0 for thing in things):
        return "missed"
    flat = [isinstance(find_object(name), Box) for name in scene.objects]
    room = _finger_gap(gripper_pose, jaw, list(itertools.compress(things, flat)))
    return "" if room > -ON_TOP else "blocked"


def _finger_gap(gripper_pose: Floats, jaw: Jaw, things: list[Floats]) -> float:
    """The smallest distance of an open finger from a footprint, negative where it comes down on one [m]."""
    fingers = finger_footprints(gripper_pose, jaw.opening, jaw.finger)
    return min((gap(finger, thing) for finger in fingers for thing in things), default=np.inf)


def _footprints(scene: Scene) -> list[Floats]:
    return [footprint(name, pose) for name, pose in zip(scene.objects, scene.poses, strict=True)]


class GraspWorld:
    """A physics client that runs one scripted grasp at a time, each in a fresh world.

    A fresh world per grasp makes the outcome a pure function of scene and pose: PyBullet's contact
    caches would otherwise carry the last grasp into the next.

    Args:
        jaw: Its sizes and force.
        time_step: Of the simulation [s].
        iterations: Of the contact solver in each step; what the objects need if unset.
    """

    fingers = GANTRY_FINGERS
    """Links of the two fingers."""

    def __init__(self, jaw: Jaw = JAW, time_step: float = 1 / 960, iterations: int | None = None) -> None:
        self.jaw = jaw
        self.time_step = time_step
        self.iterations = iterations
        self._client = pybullet.connect(pybullet.DIRECT)

    def __enter__(self) -> "GraspWorld":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnects the physics client; closing twice does nothing."""
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def grasp(self, scene: Scene, gripper_pose: Floats) -> GraspOutcome:
        """Descends at `gripper_pose` (4,), closes, lifts, and looks whether an object came along."""
        self._reset(scene)
        objects = [add_object(self._client, name, pose) for name, pose in zip(scene.objects, scene.poses, strict=True)]
        highest = max(top(name, pose) for name, pose in zip(scene.objects, scene.poses, strict=True))
        wall = "" if self._within_walls(gripper_pose) else "wall"
        clear = not wall and self._clear(scene, gripper_pose)
        gripper = self._add_jaw(gripper_pose, height=self.jaw.grasp_height if clear else highest + 0.005)
        if not clear:
            self._move(gripper, self.jaw.grasp_height, 0.6, lambda: np.array([self._height(gripper)]))
            if self._height(gripper) > self.jaw.grasp_height + BLOCKED:
                return GraspOutcome(False, self._poses(objects), wall or "blocked")
        self._close_fingers(gripper)
        if self._closed(gripper):
            return GraspOutcome(False, self._poses(objects), wall or "missed")
        lifted = self.jaw.grasp_height + self.jaw.lift
        carried = self._move(gripper, lifted, 0.5, lambda: self._poses(objects)[:, 2] - self._height(gripper))
        poses = self._poses(objects)
        poses[carried, 2] += lifted - self._height(gripper)
        held = bool(np.any(poses[:, 2] > LIFTED))
        return GraspOutcome(held, poses, "" if held else wall or "slipped")

    def settle(self, scene: Scene, seconds: float) -> Floats:
        """Where the objects are (n, 7) after some time without a jaw."""
        self._reset(scene)
        objects = [add_object(self._client, name, pose) for name, pose in zip(scene.objects, scene.poses, strict=True)]
        self._step(seconds)
        return self._poses(objects)

    def _clear(self, scene: Scene, gripper_pose: Floats) -> bool:
        """Whether the open fingers come down beside all objects, so that their descent need not be simulated."""
        return _finger_gap(gripper_pose, self.jaw, _footprints(scene)) > CLEAR

    def _within_walls(self, gripper_pose: Floats) -> bool:
        """Whether the open fingers come down beside the tray's walls, so that their descent does not touch them."""
        return TRAY.room(np.concatenate(finger_footprints(gripper_pose, self.jaw.opening, self.jaw.finger))) > CLEAR

    def _reset(self, scene: Scene) -> None:
        c = self._client
        round_ones = any(not isinstance(find_object(name), Box) for name in scene.objects)
        pybullet.resetSimulation(physicsClientId=c)
        pybullet.setGravity(0, 0, -9.81, physicsClientId=c)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=self.time_step,
            numSolverIterations=self.iterations or (ROUND_ITERATIONS if round_ones else ITERATIONS),
            deterministicOverlappingPairs=1,
            enableConeFriction=0,
            physicsClientId=c,
        )
        add_tray(c)

    def _add_jaw(self, pose: Floats, height: float) -> int:
        self._start = height
        return add_gantry(self._client, self.jaw, pose, height)

    def _move(self, gripper: int, height: float, speed: float, watched: Callable[[], Floats]) -> NDArray[np.bool_]:
        """Moves the jaw to a height [m] at a speed [m/s], as far as `_until_still` goes."""
        c = self._client
        target = height - self._start
        distance = abs(height - self._height(gripper))
        pybullet.setJointMotorControl2(
            gripper, 0, pybullet.POSITION_CONTROL, target, force=300, maxVelocity=speed, physicsClientId=c
        )
        return self._until_still(distance / speed + 0.04, watched)

    def _height(self, gripper: int) -> float:
        return self._start + float(pybullet.getJointState(gripper, 0, physicsClientId=self._client)[0])

    def _close_fingers(self, gripper: int) -> None:
        speed = 0.25
        for finger in self.fingers:
            pybullet.setJointMotorControl2(
                gripper,
                finger,
                pybullet.VELOCITY_CONTROL,
                targetVelocity=speed,
                force=self.jaw.force,
                physicsClientId=self._client,
            )
        self._until_still(self.jaw.opening / 2 / speed + 0.08, lambda: self._gap(gripper))

    def _closed(self, gripper: int) -> bool:
        return bool(self._gap(gripper)[0] < 0.004)

    def _gap(self, gripper: int) -> Floats:
        """Distance between the fingers, (1,) [m]."""
        states = pybullet.getJointStates(gripper, self.fingers, physicsClientId=self._client)
        return np.array([self.jaw.opening - states[0][0] - states[1][0]])

    def _until_still(self, seconds: float, watched: Callable[[], Floats]) -> NDArray[np.bool_]:
        """Simulates some time, or less if something that is watched comes to rest before.

        Args:
            seconds: How long at most.
            watched: Tells lengths (n,) [m].

        Returns:
            Which of them had come to rest, (n,).
        """
        between = STILL_FOR / CHECKS
        seen = deque([watched()], maxlen=CHECKS + 1)
        still = np.zeros(len(seen[0]), bool)
        for passed in np.arange(0, seconds, between):
            self._step(min(between, seconds - passed))
            seen.append(watched())
            still = (len(seen) > CHECKS) & (np.abs(seen[-1] - seen[0]) < STILL)
            if still.any():
                break
        return still

    def _step(self, seconds: float) -> None:
        for _ in range(round(seconds / self.time_step)):
            pybullet.stepSimulation(physicsClientId=self._client)

    def _poses(self, objects: list[int]) -> Floats:
        found = [pybullet.getBasePositionAndOrientation(body, physicsClientId=self._client) for body in objects]
        return np.array([[*position, *orientation] for position, orientation in found])
