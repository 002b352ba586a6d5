"""Collection with a trained policy."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from grasp_pipelines.collect import collect
from grasp_pipelines.trial_log import log_files, read_trials
from grasp_tfp.config import Config, DensityConfig, TrainConfig, VisionConfig
from grasp_tfp.errors import BundleRejected, UsageError
from grasp_tfp.policies.actor import MOVES
from grasp_tfp.sim.geometry import TRAY, WORKSPACE, describe_cell
from grasp_tfp.trial import Trial

TINY = Config(
    vision=VisionConfig(16, (4,) * 6, (3,) * 7, (2, 1, 1, 1, 1, 1, 1), feature_points=4, dense=(8, 8)),
    density=DensityConfig(components=3, couplings=3, hidden=8),
    train=TrainConfig(batch_size=8),
)

HERE = ["--runner=FnApiRunner"]
"""Runs in this process, which has TensorFlow loaded."""


def export_bundle(path: Path, cell: dict[str, Any]) -> Path:
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.models.bundle import export

    actor = build_actor(TINY, "mof")
    actor.set_action_statistics([0.0, 0.0, -0.05, 0.0], [0.06, 0.06, 0.03, 0.9])
    export(actor, path, {"cell": cell})
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that knows nothing."""
    return export_bundle(tmp_path_factory.mktemp("policy") / "bundle", describe_cell())


def trials_in(folder: Path) -> list[Trial]:
    return [trial for path in log_files(folder) for trial in read_trials(path)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_samples_are_recorded_with_the_policys_name_and_digest(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grasp_pipelines.collect.SHARD_TRIALS", 4)
    digest = json.loads((bundle / "manifest.json").read_bytes())["digest"]
    collect(tmp_path / "exploring", trials=8, bundle=bundle, workers=2)
    exploring = trials_in(tmp_path / "exploring")
    assert {(trial.policy, trial.policy_digest) for trial in exploring} == {("exploring", digest)}
    assert {trial.num_steps for trial in exploring} == {MOVES}
    for trial in exploring:
        assert (abs(trial.final_pose[:2] - TRAY.centre) <= WORKSPACE.half_width + 1e-6).all()
    for trials in (3, 6, 8):
        collect(tmp_path / "pieces", trials=trials, bundle=bundle, beam_args=HERE)
    assert contents(tmp_path / "pieces") == contents(tmp_path / "exploring")
    with pytest.raises(UsageError, match="of the policy random without images, found trial blocks-0-000000000 of the"):
        collect(tmp_path / "pieces", trials=8, workers=1)


def test_an_altered_bundle_is_rejected_before_a_trial_is_run(bundle: Path, tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (spoilt / "policy" / "fingerprint.pb").write_bytes(b"")
    with pytest.raises(BundleRejected, match=r"fingerprint\.pb is altered"):
        collect(tmp_path / "logs", trials=3, bundle=spoilt, workers=1)
    assert sum(len(list(read_trials(path))) for path in (tmp_path / "logs").glob("*.mcap")) == 0


def test_a_bundle_for_another_cell_is_rejected(tmp_path: Path) -> None:
    cell = describe_cell()
    other = export_bundle(tmp_path / "bundle", cell | {next(iter(cell)): "another"})
    with pytest.raises(BundleRejected, match="does not fit"):
        collect(tmp_path / "logs", trials=3, bundle=other, beam_args=HERE)


def test_a_folder_without_a_bundle_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No policy bundle in"):
        collect(tmp_path / "logs", trials=3, bundle=tmp_path / "none")
    assert not (tmp_path / "logs").exists()
