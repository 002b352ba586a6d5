"""The picture shows samples where they lie."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.actions import relative_action
from grasp_tfp.experiments.sample_picture import draw_policies, draw_samples, policies_figure
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import TRAY, WORKSPACE
from grasp_tfp.sim.tasks import oracle_grasps


class _Oracle:
    """Proposes the oracle grasps, the second one far less probable."""

    digest = ""

    def __init__(self, robot: SimRobot) -> None:
        self._robot = robot

    def act(self, image: Any, initial_image: Any, seed: Any) -> Any:
        actions = relative_action(self._robot.pose, oracle_grasps(self._robot.scene))
        return actions[None].astype(np.float32), np.array([[3.0, -3.0]], np.float32)

    def log_prob(self, image: Any, initial_image: Any, action: Any) -> Any:
        return -50 * self._distance(action)

    manifest = {"action_mean": [0.0, 0.0, -0.14, 0.0], "action_std": [0.05, 0.05, 0.04, 0.9]}

    def encode(self, image: Any, initial_image: Any) -> None:
        return None

    def value(self, code: Any, action: Any) -> Any:
        return np.exp(-20 * self._distance(action))

    def _distance(self, action: Any) -> Any:
        """From the first oracle grasp, in the plane, (B, n)."""
        best = relative_action(self._robot.pose, oracle_grasps(self._robot.scene))[0]
        return np.linalg.norm(np.asarray(action)[..., :2] - best[:2], axis=-1)


def test_samples_are_drawn_in_green_and_red(tmp_path: Path) -> None:
    robot = SimRobot(seed=1)
    path = tmp_path / "samples.png"
    draw_samples(robot, _Oracle(robot), path, indices=(3,))
    image = tf.io.decode_png(path.read_bytes(), channels=3).numpy().astype(int)
    red, green, blue = (image[..., channel] for channel in range(3))
    picture = slice(0, int(image.shape[0] * 0.75))
    assert ((green > red + 60) & (green > blue + 40))[picture].sum() > 20
    assert ((red > 150) & (green < 30) & (blue < 60))[picture].sum() > 20
    assert [file.name for file in tmp_path.iterdir()] == ["samples.png"]
    robot.close()


def test_actor_critic_and_cem_are_drawn_side_by_side(tmp_path: Path) -> None:
    robot = SimRobot(seed=1)
    oracle = _Oracle(robot)
    path = tmp_path / "policies.png"
    draw_policies(robot, {"actor": oracle, "critic": oracle}, path, indices=(3, 4))
    assert path.read_bytes().startswith(b"\x89PNG")
    figure = policies_figure(robot, {"actor": oracle, "critic": oracle}, indices=(3,))
    assert [axes.get_title() for axes in figure.axes][:7] == [
        "trial 3: actor's samples", "trial 3: actor's density", "trial 3: scored by the critic",
        "trial 3: critic's value", *(f"trial 3: CEM iteration {number}" for number in (1, 2, 3)),
    ]  # fmt: skip
    robot.close()


def test_the_map_is_best_where_the_density_is(tmp_path: Path) -> None:
    robot = SimRobot(seed=1)
    oracle = _Oracle(robot)
    figure = policies_figure(robot, {"actor": oracle}, indices=(3,))
    samples, density = figure.axes[:2]
    (lines,), (mesh,) = samples.collections, density.collections
    best = lines.get_segments()[-1].mean(axis=0)  # type: ignore[attr-defined]
    places = mesh.get_coordinates().reshape(-1, 2)  # type: ignore[attr-defined]
    peak = places[np.argmax(np.asarray(mesh.get_array()))]
    robot.begin(3)
    inside = np.abs(oracle_grasps(robot.scene)[0, :2] - TRAY.centre).max() < WORKSPACE.half_width
    assert np.linalg.norm(peak - best) < (15 if inside else 60)
    robot.close()


@pytest.mark.parametrize("role", ["actor", "critic"])
def test_what_a_bundle_cannot_be_is_left_out(role: str) -> None:
    robot = SimRobot(seed=1)
    figure = policies_figure(robot, {role: _Oracle(robot)}, indices=(0,))
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len(titles) == {"actor": 2, "critic": 4}[role]
    robot.close()
