"""Trials that were labelled from images are logged and converted like any other."""

from pathlib import Path

import numpy as np
import simplejpeg
import tensorflow_datasets as tfds

from grasp_pipelines.convert import convert
from grasp_pipelines.trial_log import TrialWriter, read_trials
from grasp_tfp.labelling import LABEL_SOURCE, ImageDifference, Label, polygon_mask
from grasp_tfp.sim.camera_faults import CameraFaults
from grasp_tfp.sim.dropping import tray_corners
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import find_task, random_pose
from grasp_tfp.trial import Scene, Trial

SIZE = 64


def test_labels_of_images_reach_the_dataset(tmp_path: Path) -> None:
    rng, renderer, camera = np.random.default_rng(0), Renderer(SIZE), CameraFaults(noise=4.0, drift=0.1, shift=0.5)
    scenes = [find_task("blocks").scene(rng) for _ in range(26)]
    taken = [[camera.spoil(renderer.initial_image(scene), rng) for _ in range(2)] for scene in scenes]
    labeller = ImageDifference.fit(
        [(one, two) for one, two in taken[:20]], polygon_mask(tray_corners(SIZE).tolist(), (SIZE, SIZE))
    )
    truth = {}
    with TrialWriter(tmp_path / "logs.mcap") as writer:
        for index, (scene, (one, two)) in enumerate(zip(scenes[20:], taken[20:], strict=True)):
            truth[f"real-{index}"] = bool(index % 2)
            gone = renderer.initial_image(Scene(scene.objects[1:], scene.poses[1:]))
            label, _ = labeller.label(camera.spoil(gone, rng) if index % 2 else one, two)
            assert label is not Label.ASK
            poses = np.array([random_pose(rng) for _ in range(3)])
            writer.write(
                Trial(
                    trial_id=f"real-{index}",
                    task="blocks",
                    seed=0,
                    index=index,
                    policy="actor",
                    policy_digest="",
                    gripper_poses=poses[:2],
                    final_pose=poses[2],
                    success=label is Label.SUCCESS,
                    label_source=LABEL_SOURCE,
                    stop_reason="converged",
                    initial_image=simplejpeg.encode_jpeg(one),
                    images=tuple(simplejpeg.encode_jpeg(renderer.image(scene, pose)) for pose in poses[:2]),
                )
            )
    logs = tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "logs.mcap").rename(logs / "real.mcap")
    assert {trial.label_source for trial in read_trials(logs / "real.mcap")} == {"image-difference"}
    convert(logs, tmp_path / "out", workers=1)
    builder = tfds.builder_from_directory(tmp_path / "out")
    found: dict[str, set[bool]] = {}
    for split in builder.info.splits:
        for example in tfds.as_numpy(builder.as_dataset(split=split)):
            found.setdefault(example["trial_id"].decode(), set()).add(bool(example["success"]))
    assert found == {name: {success} for name, success in truth.items()}
