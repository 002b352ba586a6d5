"""Deploying over ssh, with programs of that name that act on a folder of this machine."""

import os
from pathlib import Path

import pytest

from grasp_tfp.errors import BundleRejected, RobotError
from grasp_tfp.robots.remote import Target, roll_back_on, send
from grasp_tfp.robots.sealing import seal

SSH = """#!/bin/sh
while [ "$1" = -o ]; do shift 2; done
[ "$1" = lab ] || { echo "ssh: Could not resolve hostname $1" >&2; exit 255; }
shift
exec sh -c "$*"
"""
SCP = """#!/bin/sh
for word; do from=$to; to=$word; done
cp -r "$from" "${to#lab:}"
[ -z "$SPOIL" ] || echo x >> "${to#lab:}/policy/saved_model.pb"
"""
GRASPCTL = """#!/bin/sh
echo "$@" >> "$CALLS"
exit "${ANSWER:-0}"
"""


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("ssh", SSH), ("scp", SCP)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def copy(folder: Path, name: str) -> Path:
    (folder / name / "policy").mkdir(parents=True)
    (folder / name / "manifest.json").write_text(name)
    (folder / name / "policy/saved_model.pb").write_text(name)
    seal(folder / name)
    return folder / name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lab:/srv/policies", Target("lab", "/srv/policies")),
        ("me@lab:", Target("me@lab", ".")),
        ("/srv/a:b", None),
        ("deployed", None),
    ],
)
def test_a_target_has_a_host_before_the_colon(text: str, expected: Target | None) -> None:
    assert Target.parse(text) == expected


def test_a_bundle_arrives_is_active_and_can_be_taken_back(tmp_path: Path) -> None:
    target, home = Target("lab", str(tmp_path / "far away")), tmp_path / "far away/kuka-3"
    for name in ("aaa", "bbb", "bbb"):
        bundle = tmp_path / "here" / name
        assert send(bundle if bundle.exists() else copy(tmp_path / "here", name), target, "kuka-3") is False
        assert os.readlink(home / "active") == name
    assert sorted(os.listdir(home)) == ["aaa", "active", "bbb", "previous"]
    assert roll_back_on(target, "kuka-3") == "aaa" and os.readlink(home / "active") == "aaa"
    assert os.readlink(home / "previous") == "bbb"
    (home / "bbb/manifest.json").write_text("changed")
    with pytest.raises(BundleRejected, match="bbb was altered"):
        roll_back_on(target, "kuka-3")
    with pytest.raises(BundleRejected, match="another bbb is there"):
        send(tmp_path / "here/bbb", target, "kuka-3")
    assert os.readlink(home / "active") == "aaa" and not list(home.glob(".*"))


def test_what_does_not_arrive_whole_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, home = Target("lab", str(tmp_path / "there")), tmp_path / "there/kuka-3"
    send(copy(tmp_path, "aaa"), target, "kuka-3")
    monkeypatch.setenv("SPOIL", "1")
    with pytest.raises(BundleRejected, match="do not match SHA256SUMS.*What was active there still is"):
        send(copy(tmp_path, "bbb"), target, "kuka-3")
    assert os.readlink(home / "active") == "aaa" and sorted(os.listdir(home)) == ["aaa", "active"]


@pytest.mark.parametrize("answer", [0, 4])
def test_graspctl_on_the_target_has_the_last_word(
    answer: int, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "graspctl").write_text(GRASPCTL)
    (programs / "graspctl").chmod(0o755)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("ANSWER", str(answer))
    target, bundle = Target("lab", str(tmp_path / "there")), copy(tmp_path, "aaa")
    if answer:
        with pytest.raises(BundleRejected, match="graspctl there rejects it"):
            send(bundle, target, "kuka-3")
    else:
        assert send(bundle, target, "kuka-3") is True
    assert (tmp_path / "there/kuka-3/active").exists() == (answer == 0)
    assert (tmp_path / "calls").read_text() == "deploy --robot kuka-3 --verify .incoming-aaa\n"


def test_a_machine_that_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RobotError, match="Could not resolve hostname nowhere"):
        send(copy(tmp_path, "aaa"), Target("nowhere", "/srv"), "kuka-3")
    with pytest.raises(BundleRejected, match="no earlier bundle"):
        (tmp_path / "kuka-3").mkdir()
        roll_back_on(Target("lab", str(tmp_path)), "kuka-3")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RobotError, match="Cannot find ssh"):
        roll_back_on(Target("lab", "/srv"), "kuka-3")
