"""A folder's source is found, and the documented example of a new one works as it stands there."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from grasp_datasets.schema import parse
from grasp_datasets.tfrecord import read_records
from grasp_pipelines.convert import convert
from grasp_pipelines.sources import source
from grasp_pipelines.sources.kuka import Kuka
from grasp_pipelines.sources.mcap_logs import McapLogs
from grasp_pipelines.sources.source import GROUP, Source, find_source
from grasp_tfp.errors import UsageError

PAGE = (Path(__file__).parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
FEATURES = {
    "steps": tfds.features.Dataset(
        {
            "image": tfds.features.Image(shape=(24, 32, 3), encoding_format="jpeg"),
            "pose": tfds.features.Tensor(shape=(4,), dtype=np.float64, encoding="bytes"),
            "closing": np.bool_,
            "note": tfds.features.Text(),
        }
    ),
    "held": np.bool_,
}


def poses(episode: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(episode).uniform(-1, 1, (4, 4))


def episode(number: int) -> dict[str, Any]:
    """The fingers close at the third step, but never in the first episode."""
    steps = [
        {
            "image": np.full((24, 32, 3), 10 * number + step, np.uint8),
            "pose": poses(number)[step],
            "closing": step >= 2 and number > 0,
            "note": "",
        }
        for step in range(4)
    ]
    return {"steps": steps, "held": number % 2 == 0}


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Does with the page's two files what installing them does."""
    site = tmp_path / "site"
    files = {name: text for name, text in re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)}
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = site / f"lab_grasps-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (site / "lab_grasps.py").write_text(files["lab_grasps.py"])
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entries = "".join(f"{name} = {value}\n" for name, value in project["entry-points"][GROUP].items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    yield
    sys.modules.pop("lab_grasps", None)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_documented_source_works(write_episodes: Callable[..., Path], tmp_path: Path, workers: int) -> None:
    dataset = write_episodes(tmp_path, "lab_grasps", FEATURES, [episode(number) for number in range(8)])
    report = convert(dataset, tmp_path / "out", workers=workers)
    assert (report.trials, report.successes, report.skipped) == (7, 3, {"the fingers never close": 1})
    files = sorted((tmp_path / "out").glob("*.tfrecord-*"))
    found = [parse(record) for path in files for _, record in read_records(path)]
    assert len(found) == 14
    moves = {tuple(example["action"][:3].tolist()) for example in found}
    expected = {tuple(poses(n)[2, :3] - poses(n)[step, :3]) for n in range(1, 8) for step in (0, 1)}
    np.testing.assert_allclose(sorted(moves), sorted(expected), atol=1e-6)
    metadata = json.loads((tmp_path / "out" / "graspctl.json").read_bytes())
    assert (metadata["source"]["name"], metadata["image_size"], metadata["cell"]) == ("lab_grasps", 24, {})


@pytest.mark.usefixtures("_installed")
def test_installed_sources_are_offered(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Expected one of: kuka, lab_grasps, logs"):
        find_source(str(tmp_path), "other")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("missing_module:Thing", "No module named 'missing_module'. Install its package again."),
        ("json:Thing", "module 'json' has no attribute 'Thing'. Install its package again."),
        ("json:dumps", "expected json:dumps to be a subclass of Source."),
    ],
)
def test_a_source_that_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    monkeypatch.setattr(source, "entry_points", lambda group: [EntryPoint("broken", value, group)])
    with pytest.raises(UsageError) as error:
        find_source(str(tmp_path), "broken")
    assert str(error.value) == f"Cannot load the source 'broken': {reason}"
    (tmp_path / "log.mcap").touch()
    assert isinstance(find_source(str(tmp_path)), McapLogs)


def test_without_any_source_the_advice_is_to_collect(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Run `graspctl collect --sim` first"):
        find_source(str(tmp_path / "nowhere")).files()


@pytest.mark.parametrize("kind", [McapLogs, Kuka])
def test_built_in_sources_keep_the_contract(kind: type[Source]) -> None:
    (entry,) = (entry for entry in source.BUILT_IN if entry.name == kind.name)
    assert entry.load() is kind
