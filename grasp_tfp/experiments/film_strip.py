"""Logged trials as pictures: one trial step by step, or many at their end (Figures 1a and 4)."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from grasp_tfp.errors import GraspError
from grasp_tfp.experiments.picture import save_picture
from grasp_tfp.quiet import quiet_stderr
from grasp_tfp.sim.geometry import JAW
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.trial import Scene, Trial

with quiet_stderr():
    import pybullet

__all__ = ["draw_sheet", "draw_trial"]

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

PANEL = 300
"""Height and width of an image [pixels]."""

GAP = 12
LINE = 20
"""Height of a line of text [pixels]."""

DPI = 100
GREEN = "#1a9641"
RED = "#d7301f"
GREY = "#666666"


class _Panel(NamedTuple):
    image: Image
    title: str
    detail: str = ""
    colour: str | None = None
    """Of the frame; None for a panel without any."""


def draw_trial(trial: Trial, path: Path) -> None:
    """Draws the initial image, what the camera saw at each step, the grasp and the lift.

    A logged image is drawn as it is. What was not logged is rendered from the scene, the last two panels from the
    contact physics of the grasp, run again; a real trial ends with its last image.

    Args:
        trial: The trial.
        path: PNG to write.

    Raises:
        GraspError: The trial has neither images nor a scene, or an image or a pose cannot be drawn.
    """
    with _Camera() as camera:
        panels = [_Panel(camera.initial_image(trial), "initial image")]
        for step, pose in enumerate(trial.gripper_poses):
            panels.append(_Panel(camera.image(trial, step), f"step {step + 1} of {trial.num_steps}", _described(pose)))
        if _grasped(trial):
            pose = trial.final_pose
            panels.append(_Panel(camera.after_grasp(trial, 0.0), "grasp", _described(pose)))
            lifted = f"lifted by {100 * JAW.lift:.0f} cm"
            panels.append(_Panel(camera.after_grasp(trial, JAW.lift), "lift", lifted))
    panels[-1] = panels[-1]._replace(title=f"{panels[-1].title}: {_label(trial)}", colour=_colour(trial))
    facts = f"{trial.policy} policy, stopped by {trial.stop_reason}, label from {trial.label_source}"
    rows = math.ceil(len(panels) / 7)
    _draw(panels, math.ceil(len(panels) / rows), f"{trial.trial_id}: {_label(trial)}", facts, path)


def draw_sheet(trials: Sequence[Trial], path: Path) -> None:
    """Draws the end of each trial, framed in green where the grasp held and in red where it did not.

    Args:
        trials: The trials, one or more.
        path: PNG to write.

    Raises:
        GraspError: A trial has neither images nor a scene, or an image or a pose cannot be drawn.
    """
    with _Camera() as camera:
        panels = [
            _Panel(camera.last_image(trial), trial.trial_id, f"{_label(trial)}, {trial.policy}", _colour(trial))
            for trial in trials
        ]
    held = sum(trial.success for trial in trials)
    title = f"{len(trials)} trials, {held} held" if len(trials) > 1 else "1 trial"
    _draw(panels, min(len(panels), 6), title, "the cell after the lift", path)


class _Camera:
    """Finds the images of trials, logged or rendered."""

    def __init__(self) -> None:
        self._renderer = Renderer(2 * PANEL)
        self._worlds: dict[float, _ShownWorld] = {}

    def __enter__(self) -> "_Camera":
        return self

    def __exit__(self, *_: object) -> None:
        for world in self._worlds.values():
            world.close()

    def initial_image(self, trial: Trial) -> Image:
        if trial.initial_image is not None:
            return _decoded(trial.initial_image)
        return _halved(self._renderer.initial_image(_scene(trial)))

    def image(self, trial: Trial, step: int) -> Image:
        if trial.images:
            return _decoded(trial.images[step])
        return _halved(self._renderer.image(_scene(trial), trial.gripper_poses[step]))

    def after_grasp(self, trial: Trial, lift: float) -> Image:
        """The cell with the jaw closed at the final pose, then raised by `lift` [m]."""
        scene = _scene(trial)
        if lift not in self._worlds:
            self._worlds[lift] = _ShownWorld(dataclasses.replace(JAW, lift=lift))
        world = self._worlds[lift]
        poses = world.grasp(scene, trial.final_pose).object_poses
        height, opening = world.jaw_state()
        pose = np.array([*trial.final_pose[:2], max(height, JAW.grasp_height + lift), trial.final_pose[3]])
        return _halved(self._renderer.image(Scene(scene.objects, poses), pose, opening))

    def last_image(self, trial: Trial) -> Image:
        """After the lift where there was one, else as the trial ended."""
        if _grasped(trial):
            return self.after_grasp(trial, JAW.lift)
        return self.image(trial, trial.num_steps - 1) if trial.num_steps else self.initial_image(trial)


class _ShownWorld(GraspWorld):
    """A world that tells where the last grasp left the jaw."""

    def jaw_state(self) -> tuple[float, float]:
        """Height of the fingertips above the floor and distance between the fingers [m]."""
        client = self._client
        bodies = range(pybullet.getNumBodies(physicsClientId=client))
        jaw = next(body for body in bodies if pybullet.getNumJoints(body, physicsClientId=client))
        position, _ = pybullet.getBasePositionAndOrientation(jaw, physicsClientId=client)
        rise, left, right = (state[0] for state in pybullet.getJointStates(jaw, range(3), physicsClientId=client))
        return position[2] + rise, max(self.jaw.opening - left - right, 0.0)


def _grasped(trial: Trial) -> bool:
    """Whether a grasp of the simulator can be run again."""
    return trial.scene is not None and trial.stop_reason != "infeasible"


def _scene(trial: Trial) -> Scene:
    if trial.scene is None:
        raise GraspError(f"Cannot draw trial {trial.trial_id!r}: expected logged images or a scene, found neither.")
    return trial.scene


def _decoded(jpeg: bytes) -> Image:
    try:
        image: Image = simplejpeg.decode_jpeg(jpeg)
    except ValueError as error:
        raise GraspError(f"Cannot draw a logged image: expected a JPEG, found none ({error}).") from error
    return image


def _halved(image: Image) -> Image:
    """Averages squares of two by two pixels, so that edges are smooth."""
    height, width, _ = image.shape
    squares = image.reshape(height // 2, 2, width // 2, 2, 3).astype(np.uint16)
    image_halved: Image = ((squares.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)
    return image_halved


def _label(trial: Trial) -> str:
    return "success" if trial.success else "failure"


def _colour(trial: Trial) -> str:
    return GREEN if trial.success else RED


def _described(pose: Floats) -> str:
    x, y, z = 100 * pose[:3]
    return f"({x:.1f}, {y:.1f}, {z:.1f}) cm, {np.degrees(pose[3]):.0f}°"


def _draw(panels: list[_Panel], columns: int, title: str, facts: str, path: Path) -> None:
    """Lays panels out in rows below a headline and writes them as a PNG."""
    rows, head, cell = math.ceil(len(panels) / columns), 3 * LINE, PANEL + 2 * LINE + GAP
    width, height = columns * (PANEL + GAP) + GAP, head + rows * cell
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)

    def write(column: float, row: float, text: str, size: int, colour: str = "black", weight: str = "normal") -> None:
        figure.text(column / width, 1 - row / height, text, size=size, color=colour, weight=weight, va="top")

    write(GAP, GAP, title, 13, weight="bold")
    write(GAP, GAP + 1.2 * LINE, facts, 9, GREY)
    for number, panel in enumerate(panels):
        left, top = GAP + number % columns * (PANEL + GAP), head + number // columns * cell
        axes = figure.add_axes((left / width, 1 - (top + PANEL) / height, PANEL / width, PANEL / height))
        axes.imshow(panel.image)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=panel.colour is not None, color=panel.colour, linewidth=5)
        write(left, top + PANEL + 5, panel.title, 10, panel.colour or "black")
        write(left, top + PANEL + 5 + 0.9 * LINE, panel.detail, 8, GREY)
    save_picture(figure, path, DPI)
