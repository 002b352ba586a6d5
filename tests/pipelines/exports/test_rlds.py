"""An exported RLDS dataset, as TFDS and the rlds library read it."""

import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from grasp_pipelines.export import export
from grasp_tfp.actions import apply_action, decode_action
from grasp_tfp.trial import Trial


@pytest.fixture(scope="module")
def dataset(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("exported") / "rlds"
    assert export(logs, out, "rlds").trials == 6
    builder = tfds.builder_from_directory(out)
    return builder.as_dataset(split="+".join(builder.info.splits))


@pytest.fixture(scope="module")
def rlds() -> Any:
    """The library. It imports Reverb for its patterns, which has no release for our TensorFlow, so that is left out."""
    with mock.patch.dict(sys.modules, {"reverb": mock.MagicMock()}):
        import rlds

        return rlds


def test_every_trial_is_an_episode_with_all_that_was_logged(dataset: Any, trials: list[Trial]) -> None:
    episodes = {episode["episode_id"].numpy().decode(): episode for episode in dataset}
    assert sorted(episodes) == [trial.trial_id for trial in trials]
    for trial in trials:
        episode = episodes[trial.trial_id]
        steps = list(episode["steps"].as_numpy_iterator())
        assert (episode["task"].numpy().decode(), bool(episode["success"])) == (trial.task, trial.success)
        assert (episode["agent_id"].numpy(), bool(episode["invalid"])) == (b"exploring 0123456789ab", False)
        np.testing.assert_allclose(episode["final_pose"], trial.final_pose, rtol=1e-6)
        assert len(steps) == trial.num_steps
        seen = [step["observation"] for step in steps]
        np.testing.assert_allclose([o["gripper_pose"] for o in seen], trial.gripper_poses, rtol=1e-6)
        for step, observation in enumerate(seen):
            np.testing.assert_array_equal(observation["image"], tf.io.decode_jpeg(trial.images[step]))
            np.testing.assert_array_equal(observation["initial_image"], tf.io.decode_jpeg(trial.initial_image))


def test_moves_lead_from_pose_to_pose_and_at_last_to_the_grasp(dataset: Any) -> None:
    for episode in dataset:
        steps = list(episode["steps"].as_numpy_iterator())
        poses = [step["observation"]["gripper_pose"] for step in steps]
        for step, following in zip(steps, [*poses[1:], episode["final_pose"].numpy()], strict=True):
            pose = step["observation"]["gripper_pose"]
            np.testing.assert_allclose(apply_action(pose, decode_action(step["action"])), following, atol=1e-6)
            reached = apply_action(pose, decode_action(step["grasp_action"]))
            np.testing.assert_allclose(reached, episode["final_pose"], atol=1e-6)
        ends = [step["is_last"] for step in steps]
        assert ends == [step["is_terminal"] for step in steps] == [False] * (len(steps) - 1) + [True]
        assert [step["is_first"] for step in steps] == [True] + [False] * (len(steps) - 1)
        assert [step["reward"] for step in steps] == [0] * (len(steps) - 1) + [float(episode["success"])]
        assert [step["discount"] for step in steps] == [1] * (len(steps) - 1) + [0]


def test_the_rlds_library_reads_it(dataset: Any, rlds: Any) -> None:
    steps = dataset.flat_map(lambda episode: episode[rlds.STEPS])
    assert rlds.CORE_STEP_FIELDS <= set(steps.element_spec)
    assert float(rlds.transformations.sum_dataset(steps, lambda step: step[rlds.REWARD])) == 3
    lengths = dataset.map(lambda episode: rlds.transformations.episode_length(episode[rlds.STEPS]))
    assert sorted(lengths.as_numpy_iterator()) == [1, 2, 3, 3, 4, 5]
    last = dataset.map(lambda episode: rlds.transformations.final_step(episode[rlds.STEPS])[rlds.IS_TERMINAL])
    assert all(last.as_numpy_iterator())
    pairs = dataset.flat_map(lambda e: rlds.transformations.batch(e[rlds.STEPS], size=2, shift=1, drop_remainder=True))
    assert sum(1 for _ in pairs) == 0 + 1 + 2 + 3 + 4 + 2
