"""The label of each step."""

import numpy as np

from grasp_tfp.trial import Trial, trial_name


def test_the_label_of_a_step_is_final_pose_minus_its_pose() -> None:
    poses = np.array([[0.5, 0.1, 0.2, 0.0], [0.6, 0.0, 0.1, -1.5]])
    trial = Trial(
        "t", "blocks", 0, 0, "random", "", poses, np.array([0.55, 0.05, 0.006, 1.5]), True, "lift-height", "num-actions"
    )
    expected = [[0.05, -0.05, -0.194, 1.5], [-0.05, 0.05, -0.094, 3.0 - np.pi]]
    np.testing.assert_allclose(trial.actions, expected, atol=1e-12)
    assert trial.num_steps == 2


def test_trial_names_sort_by_index() -> None:
    names = [trial_name("blocks", 3, index) for index in (0, 9, 10, 100_000)]
    assert names == sorted(names)
