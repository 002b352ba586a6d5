"""Grasps as states, seen from new gripper poses each time."""

import dataclasses

import numpy as np
import pytest

from grasp_tfp.actions import apply_action
from grasp_tfp.errors import GraspError
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import TRAY, WORKSPACE
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.rigid_motion import carried
from grasp_tfp.training import replay_buffer
from grasp_tfp.training.replay_buffer import ReplayBuffer, endless_batches
from grasp_tfp.trial import Trial


@pytest.fixture(scope="module")
def trial() -> Trial:
    robot = SimRobot()
    ran = run_trial(robot, RandomPolicy(), 0, 0)
    robot.close()
    return ran


def with_success(trial: Trial, success: bool) -> Trial:
    return dataclasses.replace(trial, success=success)


def test_every_draw_shows_the_recorded_grasp_elsewhere_and_from_another_pose(trial: Trial) -> None:
    buffer = ReplayBuffer("blocks", 16)
    buffer.add([with_success(trial, True), with_success(trial, False)])
    batch = buffer.draw(32, np.random.default_rng(0))
    poses = batch.observation["gripper_pose"]
    assert len(np.unique(poses, axis=0)) == 32
    reached = apply_action(poses.astype(np.float64), batch.action.astype(np.float64))
    np.testing.assert_allclose(reached[:, 2], trial.final_pose[2], atol=1e-5)
    assert np.abs(reached[:, :2] - TRAY.centre).max() <= WORKSPACE.half_width + 1e-5
    assert len(np.unique(reached.round(4), axis=0)) == 32
    assert batch.observation["image"].shape == (32, 16, 16, 3)
    assert len(np.unique(batch.observation["initial_image"], axis=0)) == 32
    assert batch.success.all()
    assert (buffer.rate.successes, buffer.rate.trials) == (1, 2)


def test_images_and_labels_are_of_where_the_grasp_was_carried(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial.scene is not None
    there, closed = carried(trial.scene, trial.final_pose, WORKSPACE, np.random.default_rng(1))
    assert there is not trial.scene
    monkeypatch.setattr(replay_buffer, "carried", lambda *_: (there, closed))
    buffer = ReplayBuffer("blocks", 16)
    buffer.add([with_success(trial, True)])
    batch = buffer.draw(4, np.random.default_rng(0))
    poses = batch.observation["gripper_pose"].astype(np.float64)
    reached = apply_action(poses, batch.action.astype(np.float64))
    np.testing.assert_allclose(reached[:, :3], np.tile(closed[:3], (4, 1)), atol=1e-5)
    np.testing.assert_allclose(np.cos(2 * (reached[:, 3] - closed[3])), 1, atol=1e-5)
    np.testing.assert_array_equal(batch.observation["initial_image"][0], Renderer(16).initial_image(there))


def test_the_same_seed_draws_the_same_batch(trial: Trial) -> None:
    buffer = ReplayBuffer("blocks", 16)
    buffer.add([with_success(trial, True)])
    one, two = (buffer.draw(4, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.observation["image"], two.observation["image"])
    np.testing.assert_array_equal(one.action, two.action)


def test_a_critic_gets_as_many_failures_as_successes_and_knows_the_odds(trial: Trial) -> None:
    buffer = ReplayBuffer("blocks", 16, failures=True)
    buffer.add([with_success(trial, True)])
    assert not buffer.ready
    buffer.add([with_success(trial, False)] * 4)
    assert buffer.odds == 0.25
    assert buffer.draw(8, np.random.default_rng(0)).success.sum() == 4
    inputs, success = next(iter(endless_batches(buffer, 8, (0, 0), lambda: None)))
    assert set(inputs) == {"image", "initial_image", "gripper_pose", "action"}
    assert success.shape == (8,)


def test_trials_without_a_grasp_or_a_scene_teach_nothing(trial: Trial) -> None:
    buffer = ReplayBuffer("blocks", 16)
    held = with_success(trial, True)
    buffer.add([dataclasses.replace(held, scene=None), dataclasses.replace(held, stop_reason="infeasible")])
    with pytest.raises(GraspError, match="Nothing to learn from yet"):
        buffer.draw(1, np.random.default_rng(0))


def test_batches_take_in_what_is_new_while_they_are_drawn(trial: Trial) -> None:
    buffer = ReplayBuffer("blocks", 16)
    batches = iter(endless_batches(buffer, 2, (0, 0), lambda: buffer.add([with_success(trial, True)])))
    next(batches)
    next(batches)
    assert buffer.rate.trials >= 2
