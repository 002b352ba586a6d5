"""Datasets of recorded episodes as TFDS writes them (RLDS), read one episode at a time without TensorFlow."""

import abc
import json
import math
import pathlib
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from grasp_datasets.tfrecord import read_records
from grasp_pipelines import storage
from grasp_pipelines.log_chunks import Damage, Report
from grasp_pipelines.sources.source import Source, subfolders
from grasp_pipelines.steps import UnusableTrial
from grasp_pipelines.storage import StoredFile
from grasp_tfp.errors import UsageError
from grasp_tfp.trial import Trial

__all__ = ["Episode", "EpisodeDataset", "Feature"]

JPEG = b"\xff\xd8"
"""How a JPEG begins; `features.json` does not always name the format."""

RECORD_FILE = re.compile(r"(?P<name>.+)-(?P<split>\w+)\.tfrecord-(?P<number>\d{5})-of-(?P<total>\d{5})")


class Feature(NamedTuple):
    """How one feature of an episode is stored."""

    shape: tuple[int, ...]
    """Of one value; a feature under `steps/` has one value per step."""

    dtype: str
    encoding: str
    """`none`, `bytes` or `zlib` of a tensor; the format of an image."""

    stepwise: bool
    """Whether there is one value per step."""


class Episode:
    """One episode, whose features are decoded as they are asked for.

    Args:
        name: Of the episode, its own across the dataset.
        index: Number of the episode in its file.
        record: The `tf.train.Example` that TFDS wrote.
        spec: How each feature is stored, by its path, such as `steps/observation/image`.
    """

    def __init__(self, name: str, index: int, record: bytes, spec: Mapping[str, Feature]) -> None:
        from tensorflow_datasets.proto import tf_example_pb2

        self.name = name
        self.index = index
        self._spec = spec
        self._stored = tf_example_pb2.Example.FromString(record).features.feature

    def __getitem__(self, feature: str) -> NDArray[Any]:
        """The value of a feature; of one under `steps/`, an array whose first axis counts steps."""
        spec, stored = self._spec[feature], self._stored[feature]
        values = getattr(stored, stored.WhichOneof("kind") or "bytes_list").value
        if spec.encoding in ("bytes", "zlib"):
            values = [_unpacked(value, spec) for value in values]
        dtype = object if spec.dtype == "string" else spec.dtype
        array = np.array(values, dtype).reshape(-1, *spec.shape)
        return array if spec.stepwise else array[0]

    def images(self, feature: str) -> tuple[bytes, ...]:
        """The JPEG of each step, as it was stored.

        Raises:
            UnusableTrial: They are stored in another format.
        """
        images = tuple(self._stored[feature].bytes_list.value)
        if not all(image.startswith(JPEG) for image in images):
            raise UnusableTrial("its images are not JPEG")
        return images


class EpisodeDataset(Source):
    """A source whose folder holds an RLDS dataset; a subclass says how an episode becomes a trial.

    Args:
        folder: The dataset's folder, or one with a single version of it.

    Raises:
        UsageError: There is no dataset, or it lacks a feature that this source needs.
    """

    features: ClassVar[tuple[str, ...]]
    """Paths of the features that `trial` uses, `image` aside."""

    image: ClassVar[str]
    """Path of the camera's JPEG images."""

    def __init__(self, folder: str) -> None:
        super().__init__(_home(folder) or folder)
        spec = dict(_flat("", _json(f"{self.folder}/features.json"), stepwise=False))
        missing = [feature for feature in (*self.features, self.image) if feature not in spec]
        if missing:
            raise UsageError(
                f"The dataset in {folder!r} does not fit the source {self.name!r}: expected the feature "
                f"{missing[0]!r}, found {', '.join(sorted(spec)) or 'none'}."
            )
        self.image_size = min(spec[self.image].shape[:2])
        self._spec = {feature: spec[feature] for feature in (*self.features, self.image)}

    @abc.abstractmethod
    def trial(self, episode: Episode) -> Trial:
        """The trial that an episode shows.

        Raises:
            UnusableTrial: No example can be made of it.
        """

    @classmethod
    def recognises(cls, folder: str) -> bool:
        """Whether the dataset has this source's name."""
        home = _home(folder)
        return home is not None and _json(f"{home}/dataset_info.json").get("name") == cls.name

    def files(self) -> list[StoredFile]:
        """The record files of all splits.

        Raises:
            UsageError: There are none, or some are missing.
        """
        found = [(file, RECORD_FILE.fullmatch(file.name)) for file in storage.list_files(self.folder)]
        totals: dict[str, list[int]] = {}
        for _, match in found:
            if match:
                totals.setdefault(match["split"], []).append(int(match["total"]))
        for split, counts in totals.items():
            if len(counts) != counts[0]:
                raise UsageError(
                    f"Incomplete dataset {self.folder!r}: expected {counts[0]} files of split {split!r}, found "
                    f"{len(counts)}. Download the others."
                )
        if not totals:
            raise UsageError(f"No record files in {self.folder!r}: expected NAME-SPLIT.tfrecord-00000-of-00001 ….")
        return [file for file, match in found if match]

    def trials(self, file: pathlib.Path, name: str, report: Report) -> Iterator[Trial]:
        """Yields the trial of each episode of a record file."""
        match = RECORD_FILE.fullmatch(name)
        stem = f"{self.name}-{match['split']}-{match['number']}" if match else name
        records = read_records(file, lambda damage: report(Damage(damage.offset, damage.reason)))
        for index, (offset, record) in enumerate(records):
            episode = f"{stem}-{index:05d}"
            try:
                trial = self.trial(Episode(episode, index, record, self._spec))
                if len(trial.images) != trial.num_steps:
                    raise UnusableTrial("it has steps without an image")
            except UnusableTrial as reason:
                report(Damage(offset, str(reason), episode))
            except (DecodeError, ValueError, IndexError, zlib.error):
                report(Damage(offset, "its features cannot be decoded", episode))
            else:
                yield trial


def _home(folder: str) -> str | None:
    """Where the dataset lies: in the folder itself or, of a local one, in its only version."""
    homes = [home for home in (folder, *subfolders(folder)) if storage.read(f"{home}/dataset_info.json") is not None]
    return homes[0] if len(homes) == 1 else None


def _flat(path: str, node: dict[str, Any], stepwise: bool) -> Iterator[tuple[str, Feature]]:
    """Yields the path of each tensor, text and image below a node of `features.json`."""
    if "featuresDict" in node:
        for name, child in node["featuresDict"].get("features", {}).items():
            yield from _flat(f"{path}/{name}" if path else name, child, stepwise)
    elif "sequence" in node:
        yield from _flat(path, node["sequence"].get("feature", {}), stepwise=True)
    elif "image" in node:
        image = node["image"]
        yield path, Feature(_shape(image), image.get("dtype", "uint8"), image.get("encodingFormat", ""), stepwise)
    elif "tensor" in node:
        tensor = node["tensor"]
        yield path, Feature(_shape(tensor), tensor.get("dtype", ""), tensor.get("encoding", "none"), stepwise)
    elif "text" in node:
        yield path, Feature((), "string", "none", stepwise)


def _shape(node: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(size) for size in node.get("shape", {}).get("dimensions", []))


def _json(path: str) -> dict[str, Any]:
    content = storage.read(path)
    if content is None:
        raise UsageError(f"No {path!r}: expected a dataset as TFDS writes it, with this file and TFRecord files.")
    try:
        found = json.loads(content)
    except ValueError as error:
        raise UsageError(f"Cannot read {path!r}: {error}. Expected the JSON file that TFDS writes.") from error
    return found if isinstance(found, dict) else {}


def _unpacked(value: bytes, spec: Feature) -> NDArray[Any]:
    """One tensor out of its bytes; a compressed one never takes more memory than its shape says."""
    dtype = np.dtype(spec.dtype)
    if spec.encoding == "zlib":
        value = zlib.decompressobj().decompress(value, math.prod(spec.shape) * dtype.itemsize + 1)
    return np.frombuffer(value, dtype).reshape(spec.shape)
