"""Datasets of episodes, written by TFDS itself."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds

Writer = Callable[[Path, str, dict[str, Any], Sequence[dict[str, Any]]], Path]


@pytest.fixture(scope="module", autouse=True)
def _small_files_fill_a_shard() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
        yield


@pytest.fixture(scope="session")
def write_episodes() -> Writer:
    """A function of folder, name, features and episodes; it writes two files and returns the version's folder."""

    def write(folder: Path, name: str, features: dict[str, Any], episodes: Sequence[dict[str, Any]]) -> Path:
        class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
            VERSION = tfds.core.Version("0.1.0")

            def _info(self) -> Any:
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

            def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, Any]]]:
                return {"train": self._generate_examples()}

            def _generate_examples(self) -> Iterator[tuple[int, Any]]:
                yield from enumerate(episodes)

        Builder.name = name
        builder = Builder(data_dir=folder)
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=2))
        return Path(builder.data_path)

    return write
