"""A trial's examples carry the paper's labels, and its images as they are or as the renderer draws them."""

import dataclasses
import math

import numpy as np
import pytest
import simplejpeg

from grasp_pipelines.steps import TrialImages, UnusableTrial, steps_of_trial
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.trial import Scene, Trial

BEFORE, FIRST, SECOND = (simplejpeg.encode_jpeg(np.full((8, 8, 3), grey, np.uint8)) for grey in (0, 90, 180))

REAL = Trial(
    trial_id="real-1",
    task="blocks",
    seed=0,
    index=1,
    policy="random",
    policy_digest="",
    gripper_poses=np.array([[0.5, 0.1, 0.2, 0.0], [0.6, -0.1, 0.1, 1.5]]),
    final_pose=np.array([0.55, 0.0, 0.1, -1.5]),
    success=True,
    label_source="image-difference",
    stop_reason="max-actions",
    initial_image=BEFORE,
    images=(FIRST, SECOND),
)
SCENE = Scene(("block",), np.array([[0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0]]))
SIMULATED = dataclasses.replace(REAL, scene=SCENE, initial_image=None, images=())


def test_steps_are_labelled_with_the_move_to_the_final_pose() -> None:
    first, second = steps_of_trial(REAL, lambda trial: (BEFORE, trial.images))
    turn = math.pi - 3.0
    np.testing.assert_allclose(first["action"], [0.05, -0.1, -0.1, math.sin(-1.5), math.cos(-1.5)], atol=1e-7)
    np.testing.assert_allclose(second["action"], [-0.05, 0.1, 0.0, math.sin(turn), math.cos(turn)], atol=1e-7)
    assert [step["image"] for step in (first, second)] == [FIRST, SECOND]
    for number, step in enumerate((first, second)):
        np.testing.assert_array_equal(step["gripper_pose"], REAL.gripper_poses[number].astype(np.float32))
        named = {key: step[key] for key in ("initial_image", "success", "trial_id", "step", "num_steps", "task")}
        assert named == {
            "initial_image": BEFORE,
            "success": True,
            "trial_id": "real-1",
            "step": number,
            "num_steps": 2,
            "task": "blocks",
        }


def test_recorded_images_are_passed_on() -> None:
    assert TrialImages(64)(dataclasses.replace(REAL, scene=SCENE)) == (BEFORE, (FIRST, SECOND))


def test_missing_images_are_rendered() -> None:
    initial, images = TrialImages(48)(SIMULATED)
    renderer = Renderer(48)
    drawn = [renderer.initial_image(SCENE), *(renderer.image(SCENE, pose) for pose in SIMULATED.gripper_poses)]
    for jpeg, picture in zip([initial, *images], drawn, strict=True):
        difference = np.abs(simplejpeg.decode_jpeg(jpeg).astype(int) - picture)
        assert difference.mean() < 2
    assert len({initial, *images}) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gripper_poses": np.zeros((0, 4)), "images": ()}, "no steps"),
        ({"gripper_poses": np.array([[0.5, np.nan, 0.2, 0.0]])}, "not finite"),
        ({"final_pose": np.array([0.5, np.inf, 0.2, 0.0])}, "not finite"),
        ({"images": ()}, "no scene to render"),
        ({"initial_image": None}, "no scene to render"),
        ({"images": (), "scene": SCENE, "gripper_poses": np.full((1, 4), 9.0)}, "cannot be drawn"),
    ],
)
def test_trials_without_what_an_example_needs_say_why(change: dict[str, object], reason: str) -> None:
    trial = dataclasses.replace(REAL, **change)  # type: ignore[arg-type]
    with pytest.raises(UnusableTrial, match=reason):
        list(steps_of_trial(trial, TrialImages(32)))
