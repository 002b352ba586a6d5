"""Logs of a real cell, with images, and of the simulator, without."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.trial import Scene, Trial

MakeTrial = Callable[..., Trial]


def picture(value: int, size: int) -> bytes:
    jpeg: bytes = simplejpeg.encode_jpeg(np.full((size, size, 3), (value, 128, 255 - value), np.uint8), 95)
    return jpeg


@pytest.fixture(scope="session")
def real_trial() -> MakeTrial:
    """Makes a trial whose images are of one colour each; those with an even index succeed."""

    def make(index: int, steps: int = 3, size: int = 32) -> Trial:
        rng = np.random.default_rng(index)
        low, high = [0.45, -0.1, 0.08, -1.5], [0.65, 0.1, 0.22, 1.5]
        return Trial(
            trial_id=f"trial-{index}",
            task="blocks" if index < 4 else "bottles",
            seed=0,
            index=index,
            policy="exploring",
            policy_digest="0123456789abcdef",
            gripper_poses=rng.uniform(low, high, (steps, 4)),
            final_pose=rng.uniform(low, high),
            success=index % 2 == 0,
            label_source="image-difference",
            stop_reason="converged",
            initial_image=picture(20 * index, size),
            images=tuple(picture(20 * index + 3 * step, size) for step in range(1, steps + 1)),
        )

    return make


@pytest.fixture(scope="session")
def simulated_trial() -> Trial:
    """A trial of states, whose images are rendered."""
    scene = Scene(("block",), np.array([[0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0]]))
    poses = np.array([[0.5, 0.05, 0.2, 0.3], [0.55, 0.02, 0.15, 0.1]])
    return Trial(
        trial_id="simulated",
        task="blocks",
        seed=0,
        index=0,
        policy="random",
        policy_digest="",
        gripper_poses=poses,
        final_pose=np.array([0.55, 0.0, 0.02, 0.0]),
        success=True,
        label_source="lift-height",
        stop_reason="num-actions",
        scene=scene,
    )


@pytest.fixture(scope="session")
def trials(real_trial: MakeTrial) -> list[Trial]:
    """Of 1, 2, 3, 4, 5 and 3 steps."""
    return [*(real_trial(index, 1 + index) for index in range(5)), real_trial(5)]


@pytest.fixture(scope="session")
def write_log() -> Callable[[Path, list[Trial]], None]:
    def write(path: Path, trials: list[Trial]) -> None:
        path.parent.mkdir(exist_ok=True)
        with TrialWriter(path) as writer:
            for trial in trials:
                writer.write(trial)

    return write


@pytest.fixture(scope="session")
def logs(
    tmp_path_factory: pytest.TempPathFactory, trials: list[Trial], write_log: Callable[[Path, list[Trial]], None]
) -> Path:
    """The trials, in two logs."""
    folder = tmp_path_factory.mktemp("collected") / "logs"
    write_log(folder / "a.mcap", trials[:3])
    write_log(folder / "b.mcap", trials[3:])
    return folder
