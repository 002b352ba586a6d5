"""What actor and critic propose, drawn over the camera image: green for good, red for bad (Figures 1 and 9)."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from grasp_tfp.actions import apply_action, relative_action
from grasp_tfp.experiments.picture import save_picture
from grasp_tfp.policies.actor import Sampler, sample_actions
from grasp_tfp.policies.critic import CemPolicy
from grasp_tfp.policies.policy import observe
from grasp_tfp.robots.robot import Observation
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import CAMERA, JAW, TRAY
from grasp_tfp.sim.renderer import Renderer, camera_matrix

__all__ = ["draw_policies", "draw_samples", "policies_figure"]

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

PIXELS = 640
"""Height and width of the camera image of one panel."""

GRID = 33
"""Places of a heat map along each axis of the workspace."""

YAWS = 18
"""Directions of the jaw of which a heat map shows the best."""

COLOURS = "RdYlGn"
DENSITY, VALUE = "log-density", "probability of success"


@dataclasses.dataclass(frozen=True)
class _Panel:
    title: str
    measure: str
    scores: Floats
    poses: Floats | None = None
    """Of the samples, (n, 4), each with its score; None for a map."""

    places: Floats | None = None
    """Of a map's scores, (GRID GRID, 2) [m]; None for samples."""


def draw_samples(
    robot: SimRobot, sampler: Sampler, path: Path, *, indices: tuple[int, ...] = (0, 1, 2), seed: int = 0
) -> None:
    """Draws what an actor proposes for some scenes, each sample as the line between its fingertips.

    Args:
        robot: The cell; its trial of each index is begun, and not run.
        sampler: The actor.
        path: PNG to write.
        indices: Trials to draw, one panel each.
        seed: Start of the samples.
    """
    renderer = Renderer(PIXELS)
    figure = Figure(figsize=(4 * len(indices), 3.9), layout="constrained")
    drawn = []
    for axes, index in zip(figure.subplots(ncols=len(indices), squeeze=False)[0], indices, strict=True):
        robot.begin(index)
        panel = _proposals(robot, sampler, observe([robot]), np.random.default_rng([seed, index]))
        drawn.append((axes, dataclasses.replace(panel, title=f"trial {index}"), _image(robot, panel, renderer)))
    _fill(figure, drawn)
    save_picture(figure, path, 110)


def draw_policies(
    robot: SimRobot,
    bundles: Mapping[str, Any],
    path: Path,
    *,
    indices: tuple[int, ...] = (0, 1, 2),
    seed: int = 0,
) -> None:
    """Draws `policies_figure` as a PNG."""
    save_picture(policies_figure(robot, bundles, indices=indices, seed=seed), path, 80)


def policies_figure(
    robot: SimRobot, bundles: Mapping[str, Any], *, indices: tuple[int, ...] = (0, 1, 2), seed: int = 0
) -> Figure:
    """What the policies see in some scenes, a row for each.

    The actor's samples and its density over the workspace; the same samples as the critic scores them, and its value
    over the workspace; what each iteration of CEM tries. A map shows the best direction of the jaw at each place.

    Args:
        robot: The cell; its trial of each index is begun, and not run.
        bundles: An `actor`, a `critic`, or both.
        indices: Trials to draw.
        seed: Start of the samples.
    """
    renderer, rows = Renderer(PIXELS), []
    for index in indices:
        robot.begin(index)
        panels = _panels(robot, bundles, [seed, index])
        rows.append([(panel, _image(robot, panel, renderer)) for panel in panels])
    columns = len(rows[0])
    figure = Figure(figsize=(3.4 * columns, 2.9 * len(rows) + 0.9), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    _fill(
        figure,
        [
            (axes, dataclasses.replace(panel, title=f"trial {index}: {panel.title}"), image)
            for index, cells, row in zip(indices, grid, rows, strict=True)
            for axes, (panel, image) in zip(cells, row, strict=True)
        ],
    )
    return figure


def _panels(robot: SimRobot, bundles: Mapping[str, Any], seed: list[int]) -> list[_Panel]:
    seen, panels = observe([robot]), list[_Panel]()
    actor, critic = bundles.get("actor"), bundles.get("critic")
    code = None if critic is None else critic.encode(*seen)
    if actor is not None:
        samples = _proposals(robot, actor, seen, np.random.default_rng(seed))
        best = relative_action(robot.pose, _poses(samples)[np.argmax(samples.scores)])
        panels.append(samples)
        density = functools.partial(actor.log_prob, *seen)
        panels.append(
            _Panel("actor's density", DENSITY, _over_workspace(robot, density, best[2]), places=_places(robot))
        )
    if critic is not None:
        value = functools.partial(critic.value, code)
        if actor is not None:
            actions = relative_action(robot.pose, _poses(panels[0]))
            scores = np.asarray(value(actions[None])[0], np.float64)
            panels.append(_Panel("scored by the critic", VALUE, scores, panels[0].poses))
        depth = critic.manifest["action_mean"][2]
        panels.append(_Panel("critic's value", VALUE, _over_workspace(robot, value, depth), places=_places(robot)))
        iterations = CemPolicy(critic).iterations([robot], code, [np.random.default_rng(seed)])
        for number, (actions, values, _) in enumerate(iterations, 1):
            panels.append(_Panel(f"CEM iteration {number}", VALUE, values[0], apply_action(robot.pose, actions[0])))
    return panels


def _proposals(robot: SimRobot, sampler: Sampler, seen: Observation, rng: np.random.Generator) -> _Panel:
    actions, log_probs = sample_actions(sampler, seen, [rng])
    return _Panel("actor's samples", DENSITY, log_probs[0], apply_action(robot.pose, actions[0]))


def _poses(panel: _Panel) -> Floats:
    return np.zeros((0, 4)) if panel.poses is None else panel.poses


def _over_workspace(robot: SimRobot, score: Callable[[Floats], Any], depth: float) -> Floats:
    """The highest score at each place of the workspace, over the directions of the jaw, (GRID, GRID)."""
    yaws = np.linspace(-np.pi / 2, np.pi / 2, YAWS, endpoint=False)
    places = np.repeat(_places(robot), YAWS, axis=0)
    poses = np.column_stack([places, np.zeros(len(places)), np.tile(yaws, GRID * GRID)])
    actions = relative_action(robot.pose, poses)
    actions[:, 2] = depth
    scores = np.asarray(score(actions[None].astype(np.float32)), np.float64)
    best: Floats = scores.reshape(GRID, GRID, YAWS).max(axis=-1)
    return best


def _places(robot: SimRobot) -> Floats:
    """Places (GRID GRID, 2) of the workspace [m]."""
    half = robot.cell["workspace"]["half_width"]
    along = np.linspace(-half, half, GRID)
    return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2) + TRAY.centre


def _image(robot: SimRobot, panel: _Panel, renderer: Renderer) -> Image:
    """What the camera sees; below a map, without the arm."""
    if panel.poses is None:
        return renderer.initial_image(robot.scene)
    return renderer.image(robot.scene, robot.pose)


def _fill(figure: Figure, drawn: list[tuple[Axes, _Panel, Image]]) -> None:
    """Draws the panels, all of one measure in the same colours."""
    for measure in dict.fromkeys(panel.measure for _, panel, _ in drawn):
        own = [(axes, panel, image) for axes, panel, image in drawn if panel.measure == measure]
        low, high = (0.0, 1.0) if measure == VALUE else _density_range([panel for _, panel, _ in own])
        scale = Normalize(low, high)
        for axes, panel, image in own:
            _draw(axes, panel, image, scale)
        below, colours = [axes for axes, _, _ in own], ScalarMappable(scale, COLOURS)
        figure.colorbar(colours, ax=below, label=measure, location="bottom", shrink=0.7, aspect=40, pad=0.02)


def _density_range(panels: list[_Panel]) -> tuple[float, float]:
    """From the least probable sample to the most probable action; a map's lowest values say nothing."""
    samples = np.concatenate([panel.scores for panel in panels if panel.poses is not None])
    return float(samples.min()), max(float(panel.scores.max()) for panel in panels)


def _draw(axes: Axes, panel: _Panel, image: Image, scale: Normalize) -> None:
    axes.imshow(image)
    left, right, top, bottom = _crop()
    axes.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top))
    axes.set_title(panel.title, fontsize=10)
    if panel.places is not None:
        corners = np.column_stack([panel.places, np.full(GRID * GRID, JAW.grasp_height)])
        x, y = np.moveaxis(_projected(corners).reshape(GRID, GRID, 2), -1, 0)
        axes.pcolormesh(x, y, panel.scores, cmap=COLOURS, norm=scale, shading="gouraud", alpha=0.7)
        return
    order = np.argsort(panel.scores)
    poses = _poses(panel)[order]
    lines = LineCollection(list(_fingertips(poses)), cmap=COLOURS, norm=scale, linewidths=1.6, alpha=0.9)
    lines.set_array(panel.scores[order])
    axes.add_collection(lines)


def _crop() -> tuple[float, float, float, float]:
    """The part of the image that holds the tray, with the gripper above it: left, right, top and bottom [px]."""
    half = TRAY.inner_half + TRAY.thickness
    corners = [[TRAY.centre[0] + a, TRAY.centre[1] + b, 0.0] for a in (-half, half) for b in (-half, half)]
    (left, top), (right, bottom) = (limit(_projected(np.array(corners)), axis=0) for limit in (np.min, np.max))
    margin = 0.04 * (right - left)
    return left - margin, right + margin, top - 5 * margin, bottom + margin


def _fingertips(poses: Floats) -> Floats:
    """Both open fingertips of each gripper pose (n, 4), in pixels (n, 2, 2)."""
    across = np.stack([np.cos(poses[:, 3]), np.sin(poses[:, 3]), np.zeros(len(poses))], axis=-1) * JAW.opening / 2
    return _projected(poses[:, None, :3] + np.stack([-across, across], axis=1))


def _projected(points: Floats) -> Floats:
    """Points (..., 3) in pixels (..., 2)."""
    homogeneous = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
    projected = homogeneous @ camera_matrix(CAMERA, PIXELS).T
    return np.asarray(projected[..., :2] / projected[..., 2:])
