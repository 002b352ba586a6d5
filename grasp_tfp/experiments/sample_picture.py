"""The actor's samples over the camera image, coloured by density (Figures 1b and 9)."""

from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from grasp_tfp.actions import apply_action
from grasp_tfp.experiments.picture import save_picture
from grasp_tfp.policies.actor import Sampler, sample_actions
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import CAMERA, JAW
from grasp_tfp.sim.renderer import Renderer, camera_matrix

__all__ = ["draw_samples"]

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

PIXELS = 640
"""Height and width of one panel."""


def draw_samples(
    robot: SimRobot, sampler: Sampler, path: Path, *, indices: tuple[int, ...] = (0, 1, 2), seed: int = 0
) -> None:
    """Draws what the actor proposes for some scenes, each sample as the line between its fingertips.

    Args:
        robot: The cell; its trial of each index is begun, and not run.
        sampler: The actor.
        path: PNG to write.
        indices: Trials to draw, one panel each.
        seed: Start of the samples.
    """
    renderer = Renderer(PIXELS)
    panels = [_sampled(robot, sampler, index, seed, renderer) for index in indices]
    every = np.concatenate([log_probs for _, _, log_probs in panels])
    scale = Normalize(every.min(), every.max())
    figure = Figure(figsize=(4 * len(indices), 4.3), layout="constrained")
    for axes, index, (image, lines, log_probs) in zip(
        figure.subplots(ncols=len(indices), squeeze=False)[0], indices, panels, strict=True
    ):
        axes.imshow(image)
        drawn = LineCollection(list(lines), cmap="RdYlGn", norm=scale, linewidths=1.6, alpha=0.9)
        drawn.set_array(log_probs)
        axes.add_collection(drawn)
        axes.set(xticks=[], yticks=[], title=f"trial {index}", xlim=(0, PIXELS), ylim=(PIXELS, 0))
    figure.colorbar(drawn, ax=figure.axes, label="log-density of the sample", shrink=0.8)
    save_picture(figure, path, 110)


def _sampled(
    robot: SimRobot, sampler: Sampler, index: int, seed: int, renderer: Renderer
) -> tuple[Image, Floats, Floats]:
    """What the camera sees as trial `index` begins, a line (n, 2, 2) [px] and a log-density (n,) for each sample."""
    robot.begin(index)
    actions, log_probs = sample_actions(sampler, robot.observe(), np.random.default_rng([seed, index]))
    order = np.argsort(log_probs)
    lines = _fingertips(apply_action(robot.pose, actions[order]))
    return renderer.image(robot.scene, robot.pose), lines, log_probs[order]


def _fingertips(poses: Floats) -> Floats:
    """Both open fingertips of each gripper pose (n, 4), in pixels (n, 2, 2)."""
    across = np.stack([np.cos(poses[:, 3]), np.sin(poses[:, 3]), np.zeros(len(poses))], axis=-1) * JAW.opening / 2
    points = poses[:, None, :3] + np.stack([-across, across], axis=1)
    projected = np.concatenate([points, np.ones((len(poses), 2, 1))], axis=-1) @ camera_matrix(CAMERA, PIXELS).T
    return np.asarray(projected[..., :2] / projected[..., 2:])
