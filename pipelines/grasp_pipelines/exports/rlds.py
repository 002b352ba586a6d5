"""Episodes as an RLDS dataset, which TFDS stores as one record per episode."""

import functools
import pathlib
from typing import IO, Any

import numpy as np

from grasp_datasets import schema
from grasp_datasets.tfrecord import framed
from grasp_pipelines.exports.episode import Episode
from grasp_pipelines.tfds_files import RecordFile, write_tfds_files

__all__ = ["DATASET", "RldsWriter"]

DATASET = "grasp_trials"
VERSION = "1.0.0"
FILE_BYTES = 1 << 28
"""Size at which a file of records ends."""

DESCRIPTION = (
    "Grasp trials as RLDS episodes: a step for each move, the last of them the grasp, whose reward is 1 if it held. "
    "Written by graspctl export."
)


@functools.cache
def _features() -> Any:
    """The fields of one episode, a `tfds.features.FeaturesDict`."""
    import tensorflow_datasets as tfds

    kind = tfds.features
    image = {"shape": (None, None, 3), "encoding_format": "jpeg"}

    def vector(length: int, doc: str) -> Any:
        return kind.Tensor(shape=(length,), dtype=np.float32, doc=doc)

    def flag(doc: str) -> Any:
        return kind.Scalar(np.bool_, doc=doc)

    pose = "x, y, z [m], yaw [rad], base frame"
    move = "dx, dy, dz [m], sine and cosine of dyaw"
    observation = {
        "image": kind.Image(**image, doc="The camera's view before the move"),
        "initial_image": kind.Image(**image, doc="The camera's view before the arm came in"),
        "gripper_pose": vector(4, f"Fingertips before the move: {pose}"),
    }
    step = {
        "observation": observation,
        "action": vector(5, f"The move; the last one leads to the grasp: {move}"),
        "grasp_action": vector(5, f"Final grasp pose minus this pose, the label of graspctl's datasets: {move}"),
        "reward": kind.Scalar(np.float32, doc="1 at the last step if the grasp held, else 0"),
        "discount": kind.Scalar(np.float32, doc="0 at the last step, else 1"),
        "is_first": flag("Whether the trial begins here"),
        "is_last": flag("Whether the fingers closed after this move"),
        "is_terminal": flag("The same: no trial is cut off"),
    }
    episode = {
        "episode_id": kind.Text(doc="The trial's id"),
        "agent_id": kind.Text(doc="Policy and the start of its digest"),
        "experiment_id": kind.Text(doc="Task and seed of the collection"),
        "invalid": flag("False: only complete trials are exported"),
        "task": kind.Text(doc="Name of the trial's task"),
        "success": flag("Whether the grasp held an object"),
        "label_source": kind.Text(doc="How success was found"),
        "stop_reason": kind.Text(doc="Why the moves ended"),
        "final_pose": vector(4, f"Where the fingers closed: {pose}"),
    }
    return kind.FeaturesDict({"steps": kind.Dataset(step), **episode})


def _example(episode: Episode) -> dict[str, Any]:
    """The values of each field; a field of the steps holds those of all steps."""
    trial, last = episode.trial, episode.last
    observation = {
        "image": list(episode.images),
        "initial_image": [episode.initial_image] * len(episode),
        "gripper_pose": list(episode.poses),
    }
    steps = {
        "observation": observation,
        "action": list(episode.actions),
        "grasp_action": list(episode.grasp_actions),
        "reward": list(episode.rewards),
        "discount": list(1 - last.astype(np.float32)),
        "is_first": list(np.arange(len(episode)) == 0),
        "is_last": list(last),
        "is_terminal": list(last),
    }
    return {
        "steps": steps,
        "episode_id": trial.trial_id,
        "agent_id": f"{trial.policy} {trial.policy_digest[:12]}".rstrip(),
        "experiment_id": f"{trial.task}-{trial.seed}",
        "invalid": False,
        "task": trial.task,
        "success": trial.success,
        "label_source": trial.label_source,
        "stop_reason": trial.stop_reason,
        "final_pose": trial.final_pose.astype(np.float32),
    }


class RldsWriter:
    """Writes episodes as TFDS reads them: `tfds.builder_from_directory(folder)`.

    Args:
        folder: Where the files go.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        from tensorflow_datasets.core.example_serializer import ExampleSerializer

        self._folder = folder
        self._serializer = ExampleSerializer(_features().get_serialized_info())
        self._written: dict[str, list[tuple[int, int]]] = {split: [] for split in schema.SPLITS}
        self._open: dict[str, IO[bytes]] = {}

    def add(self, episode: Episode, split: str) -> None:
        """Appends one record."""
        record = self._serializer.get_tf_example(_example(episode)).SerializeToString(deterministic=True)
        files = self._written[split]
        if not files or files[-1][1] >= FILE_BYTES:
            self._next_file(split)
        episodes, size = files[-1]
        self._open[split].write(framed(record))
        files[-1] = episodes + 1, size + len(record)

    def close(self) -> None:
        """Gives the files their names and writes TFDS's metadata."""
        self.discard()
        named: dict[str, list[RecordFile]] = {}
        for split, files in self._written.items():
            named[split] = [
                RecordFile(f"{DATASET}-{split}.tfrecord-{number:05d}-of-{len(files):05d}", *counts)
                for number, counts in enumerate(files)
            ]
            for number, file in enumerate(named[split]):
                self._path(split, number).rename(self._folder / file.name)
        write_tfds_files(self._folder, DATASET, VERSION, _features(), DESCRIPTION, named)

    def discard(self) -> None:
        """Closes the files."""
        for stream in self._open.values():
            stream.close()

    def _next_file(self, split: str) -> None:
        if split in self._open:
            self._open[split].close()
        self._open[split] = open(self._path(split, len(self._written[split])), "wb")
        self._written[split].append((0, 0))

    def _path(self, split: str, number: int) -> pathlib.Path:
        return self._folder / f"{split}-{number:05d}.records"
