"""The TFDS builder of grasp steps."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core.dataset_builder import FileReaderBuilder

from grasp_datasets import schema
from grasp_tfp.errors import UsageError

__all__ = ["CONVERTERS", "Builder", "GraspStepsConfig"]

CONVERTERS = "grasp_datasets.converters"
"""Entry points of functions that make a dataset of this schema.

This package says what a dataset is; packages above it know how to make one of logs, and offer that here. A converter
is called with the folder of logs, the folder for the dataset, and the fields of `GraspStepsConfig` by name.
"""


@dataclasses.dataclass(eq=False)
class GraspStepsConfig(tfds.core.BuilderConfig):
    """What `graspctl convert` has options for, with the same defaults."""

    image_size: int = 64
    """Height and width of the images rendered for trials without any [pixels]."""

    seed: int = 0
    """Of the order of the records inside each shard, and of the views."""

    failures: float = 0.1
    """Share of the failed trials to keep."""

    views: int = 6
    """How often to see each simulated training grasp again, elsewhere and from another gripper pose."""

    split_by: str = "trial"
    """What is kept in one split as a whole: `trial` or `session`."""

    source: str | None = None
    """What the logs are, such as `kuka`; recognised by default."""


class Builder(FileReaderBuilder):
    """Converts a folder of logs."""

    VERSION = tfds.core.Version(schema.VERSION)
    RELEASE_NOTES = {schema.VERSION: "Initial release."}
    BUILDER_CONFIGS = [GraspStepsConfig(name="default", description="As `graspctl convert LOGS OUT` without options.")]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Collect logs with `graspctl collect`, and name their folder with `--manual_dir`.
    """

    def _info(self) -> Any:
        return self.dataset_info_from_configs(
            features=schema.features(), homepage="https://arxiv.org/abs/1904.07319", disable_shuffling=True
        )

    def _download_and_prepare(self, dl_manager: Any, download_config: Any) -> None:
        """Converts the logs, and takes over the record files and what they were made from."""
        if download_config.max_examples_per_split is not None:
            raise UsageError("Cannot build some of the examples: expected no limit of examples per split.")
        made = self.data_path / "converted"
        chosen = {name: getattr(self.builder_config, name) for name in _options()}
        _converter()(str(dl_manager.manual_dir), str(made), beam_args=_beam_args(download_config), **chosen)
        metadata = json.loads((made / schema.METADATA_FILE).read_text())
        for path in made.iterdir():
            if path.name not in ("dataset_info.json", "features.json"):
                path.rename(self.data_path / path.name)
        shutil.rmtree(made)
        splits = [self._split(name, metadata["shards"]) for name in metadata["examples"]]
        self.info.set_splits(tfds.core.splits.SplitDict(splits))

    def _split(self, name: str, shards: Sequence[dict[str, Any]]) -> Any:
        own = [shard for shard in shards if shard["name"].startswith(f"{schema.DATASET}-{name}.")]
        return tfds.core.SplitInfo(
            name=name,
            shard_lengths=[shard["examples"] for shard in own],
            num_bytes=sum(shard["bytes"] for shard in own),
            filename_template=self._get_filename_template(split_name=name),
        )


def _options() -> list[str]:
    common = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)}
    return [field.name for field in dataclasses.fields(GraspStepsConfig) if field.name not in common]


def _converter() -> Callable[..., Any]:
    for entry in entry_points(group=CONVERTERS):
        converter: Callable[..., Any] = entry.load()
        return converter
    raise UsageError("No converter of logs is installed: expected the package graspctl. Run `pip install graspctl`.")


def _beam_args(download_config: Any) -> list[str]:
    """The options of `--beam_pipeline_options`, as they were given."""
    if download_config.beam_options is None:
        return []
    given = download_config.beam_options.get_all_options(drop_default=True)
    return [f"--{name}" if value is True else f"--{name}={value}" for name, value in given.items()]
