"""`graspctl train`, `eval` and `deploy`, one after the other as a user types them."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner, Result

from grasp_tfp.robots.deployment import activate
from graspctl.main import app
from graspctl.train import MODELS, _next

TINY = [
    "--set", "vision.image_size=32", "--set", "vision.filters=[4, 4, 4, 4, 4, 4]", "--set", "vision.feature_points=4",
    "--set", "vision.dense=[16, 16]", "--set", "density.components=2", "--set", "density.couplings=2",
    "--set", "train.steps=4", "--set", "train.batch_size=8",
]  # fmt: skip


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of collect, convert and train."""
    folder = tmp_path_factory.mktemp("trained")
    with contextlib.chdir(folder):
        for words in (
            ["collect", "--sim", "--trials", "500", "--workers", "1"],
            ["convert", "logs", "out", "--image-size", "32", "--failures", "0", "--workers", "1"],
            ["train", "mof", *TINY],
        ):
            result = invoke(*words)
            assert result.exit_code == 0, (words, result.output, result.exception)
        assert result.stdout.splitlines()[0].startswith("Wrote     runs/mof/ (policy bundle ")
        assert "4 steps in" in result.stdout and "negative log-likelihood" in result.stdout
        assert result.stdout.splitlines()[-1] == "Next      graspctl eval --robot kuka-3"
    return folder


@pytest.fixture
def workplace(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder to work in."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_run_says_what_it_is(workplace: Path) -> None:
    config = json.loads((workplace / "runs/mof/config.json").read_text())
    assert config["model"] == "mof" and config["data"] == "out"
    assert config["config"]["train"]["steps"] == 4 and config["config"]["vision"]["dense"] == [16, 16]
    manifest = json.loads((workplace / "runs/mof/bundle/manifest.json").read_text())
    assert manifest["cell"]["camera"] and manifest["training"]["steps"] == 4


def test_a_run_goes_on_from_another(workplace: Path) -> None:
    assert invoke("train", "mof", *TINY, "--from", "runs/mof", "--name", "mof-2").exit_code == 0
    assert json.loads((workplace / "runs/mof-2/config.json").read_text())["from"] == "runs/mof"
    result = invoke("train", "mof", *TINY, "--from", "runs/none", "--name", "mof-3")
    assert result.exit_code == 2 and "No trained policy in 'runs/none'" in result.stderr
    result = invoke("train", "critic", *TINY, "--from", "runs/mof", "--name", "critic-2")
    assert result.exit_code == 2 and "No trained critic in 'runs/mof'" in result.stderr
    result = invoke("train", "gmm", *TINY, "--from", "runs/mof", "--name", "gmm-2")
    assert result.exit_code == 2 and "another network" in result.stderr


@pytest.mark.parametrize(
    ("model", "task", "line"),
    [
        ("mof", "blocks", "graspctl eval --robot kuka-3"),
        ("mof", None, "graspctl eval --robot kuka-3"),
        ("mof", "bottles", "graspctl eval --sim --task bottles -n 1000"),
        ("critic", "blocks", "graspctl eval --sim --policy actor,cem,actor-critic -n 1000"),
        ("critic", "bottles-5", "graspctl eval --sim --task bottles-5 --policy actor,cem,actor-critic -n 1000"),
    ],
)
def test_what_to_type_next_is_in_the_cell_of_the_data(model: str, task: str | None, line: str) -> None:
    assert _next(model, Path("runs/new"), task) == line


def test_models_are_the_densities() -> None:
    from grasp_tfp.models.actor import DENSITIES

    assert set(MODELS) == {*DENSITIES, "critic", "joint", "prior"}


def test_eval_reports_the_policies_and_draws(workplace: Path) -> None:
    result = invoke("eval", "--robot", "kuka-3", "--trials", "5")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    stem = "runs/mof/eval/kuka-3_ensemble+actor+random_seed0_n5"
    assert lines[0] == f"Wrote     {stem}.json, {stem}.csv, {stem}.png"
    assert [line.removeprefix("Measured").split()[:1] for line in lines[1:4]] == [["ensemble"], ["actor"], ["random"]]
    assert all("/5 = " in line for line in lines[1:4])
    assert lines[-1] == "Next      graspctl deploy runs/mof --robot kuka-3"
    assert (workplace / "runs/mof/eval/kuka-3_ensemble+actor+random_seed0_n5.png").read_bytes().startswith(b"\x89PNG")


def test_eval_json_is_what_the_file_says(workplace: Path) -> None:
    result = invoke("eval", "--sim", "--trials", "3", "--json")
    report = json.loads(result.stdout)
    assert report == json.loads((workplace / "runs/mof/eval/sim_ensemble+actor+random_seed0_n3.json").read_text())
    assert [outcome["index"] for outcome in report["policies"]["actor"]["outcomes"]] == [0, 1, 2]
    assert report["policies"]["random"]["trials"] == 3


def test_the_bundle_that_comes_with_the_package_grasps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("eval", "--sim", "--bundle", "-n", "20", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["policies"]["ensemble"]["successes"] >= 15
    assert (tmp_path / "runs/pretrained/eval/sim_ensemble+actor+random_seed0_n20.json").is_file()
    assert invoke("eval", "--sim", "--bundle", "--run", "runs/mof").exit_code == 2
    told = invoke("eval", "--sim", "--bundle", "--policy", "actor", "-n", "2")
    assert told.stdout.splitlines()[-1] == "Next      graspctl collect --sim"


def test_deploy_activates_a_copy(workplace: Path) -> None:
    result = invoke("deploy", "--robot", "kuka-3", "--json")
    assert result.exit_code == 0, result.stderr
    active = workplace / "deployed/kuka-3/active"
    assert active.is_symlink() and (active / "manifest.json").is_file()
    assert json.loads(result.stdout)["digest"].startswith(active.resolve().name)
    again = invoke("deploy", "runs/mof", "--robot", "kuka-3")
    assert again.exit_code == 0 and again.stdout.splitlines()[-1] == "Next      graspctl eval --robot kuka-3"
    assert sorted(path.name for path in active.parent.iterdir()) == sorted(["active", active.resolve().name])


def test_deploy_refuses_an_altered_bundle(workplace: Path) -> None:
    manifest = workplace / "runs/mof/bundle/manifest.json"
    manifest.write_text(manifest.read_text().replace('"num_samples": 64', '"num_samples": 65'))
    result = invoke("deploy", "--robot", "kuka-3")
    assert result.exit_code == 4 and "altered" in result.stderr
    assert not (workplace / "deployed").exists()


def test_deploy_signs_lists_rolls_back_and_refuses(workplace: Path) -> None:
    """What was tampered with, or is not signed as required, is refused, and the active bundle stays."""
    private, public = workplace / "lab.pem", workplace / "lab.pub"
    key = ed25519.Ed25519PrivateKey.generate()
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    home, line = workplace / "cells/kuka-3", ["deploy", "--robot", "kuka-3", "--to", "cells"]
    unsigned = invoke(*line, "--require", str(public))
    assert unsigned.exit_code == 4 and not (home / "active").exists()
    signed = invoke(*line, "--sign", str(private), "--require", str(public))
    assert signed.exit_code == 0, (signed.output, signed.exception)
    first = (home / "active").resolve()
    assert {"SHA256SUMS", "SHA256SUMS.sig", "manifest.json", "policy"} == {path.name for path in first.iterdir()}
    verified = invoke("deploy", "--robot", "kuka-3", "--verify", str(first), "--require", str(public))
    assert verified.exit_code == 0 and "whole, and it answers as recorded" in verified.stdout
    second = home / "other"
    shutil.copytree(first, second)
    activate(second)
    listed = invoke(*line, "--list").stdout.splitlines()
    assert sorted(listed) == sorted(["other  active", f"{first.name}  previous"])
    back = invoke(*line, "--rollback", "--require", str(public))
    assert back.exit_code == 0 and back.stdout.startswith(f"kuka-3 uses {first.name} again")
    with (second / "policy/saved_model.pb").open("ab") as file:
        file.write(b"x")
    for refused in (invoke(*line, "--rollback"), invoke("deploy", "--robot", "kuka-3", "--verify", str(second))):
        assert refused.exit_code == 4 and len(refused.stderr.splitlines()) == 1
    assert (home / "active").resolve() == first


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["deploy", "--robot", "kuka-3", "--rollback"], "No earlier bundle"),
        (["deploy", "--robot", "kuka-3", "--rollback", "--list"], "Expected one of RUN, --rollback"),
        (["deploy", "--robot", "kuka-3", "--list", "--to", "lab:x"], "Run it on that machine"),
        (["deploy", "--robot", "kuka-3", "--sign", "none.pem"], "Cannot read the private key"),
        (["train", "mfo"], "Did you mean 'mof'?"),
        (["train"], "Missing argument 'MODEL'"),
        (["train", "mof", *TINY], "it holds a finished run. Choose another --name."),
        (["train", "gmm", "--data", "logs"], "No dataset in 'logs'"),
        (["train", "gmm", "--preset", "laptopp"], "Did you mean 'laptop'?"),
        (["train", "gmm", "--set", "train.stpes=3"], "Did you mean 'train.steps'?"),
        (["train", "gmm", "--config", "none.toml"], "none.toml"),
        (["train", "gmm"], "expected 64 pixels, found 32. Use graspctl convert LOGS OUT --image-size 64."),
        (["train", "gmm", *TINY, "--name", "../out"], "expected a new folder or a run"),
        (["eval"], "graspctl eval --robot NAME"),
        (["eval", "--sim", "--robot", "kuka-1"], "graspctl eval --robot NAME"),
        (["eval", "--robot", "kuka-33"], "Did you mean 'kuka-3'?"),
        (["eval", "--sim", "--run", "out"], "expected a run of graspctl train, found none"),
        (["eval", "--sim", "--trials", "0"], "--trials"),
        (["deploy"], "Missing option '--robot'"),
        (["deploy", "--robot", "kuka-33"], "Did you mean 'kuka-3'?"),
        (["deploy", "nowhere", "--robot", "kuka-3"], "No trained policy in 'nowhere'"),
    ],
)
def test_bad_words_write_nothing(workplace: Path, words: list[str], phrase: str) -> None:
    before = sorted(workplace.rglob("*"))
    result = invoke(*words)
    assert result.exit_code == 2, result.output
    assert phrase in result.stderr and len(result.stderr.splitlines()) == 1
    assert sorted(workplace.rglob("*")) == before


@pytest.mark.parametrize("words", [["eval", "--sim"], ["deploy", "--robot", "kuka-3"]])
def test_without_a_run_the_next_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*words)
    assert result.exit_code == 2 and "Run graspctl train mof first" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_other_settings_is_not_continued(workplace: Path) -> None:
    shutil.rmtree(workplace / "runs/mof/bundle")
    result = invoke("train", "mof", *TINY, "--seed", "5")
    assert result.exit_code == 2 and "has other settings" in result.stderr
    unfinished = invoke("eval", "--sim", "--run", "runs/mof")
    assert unfinished.exit_code == 2 and "found a run that has not ended" in unfinished.stderr


def test_what_is_not_installed_is_named_before_anything_is_written(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = invoke("train", "mof", *TINY, "--name", "tracked", "--track", "mlflow")
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert "Run pip install 'graspctl[mlflow]'" in result.stderr and not (workplace / "runs/tracked").exists()
