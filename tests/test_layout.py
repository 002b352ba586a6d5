"""What is installed is what is used: imports, setup.py and requirements.lock agree."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).parents[1]
PACKAGES = {"grasp_tfp": ".", "grasp_datasets": "datasets", "grasp_pipelines": "pipelines", "graspctl": "cli"}
PARTS = {"foxglove", "google", "grpc", "pil", "pybullet-data", "rerun"}
"""Imports that come with a distribution of another name."""


def declared(name: str) -> list[Requirement]:
    """The requirements of a list in setup.py."""
    for node in ast.parse((PROJECT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return [Requirement(text) for text in ast.literal_eval(node.value)]
    raise LookupError(name)


def imported() -> set[str]:
    """Top-level names of everything that our sources import from outside."""
    names: set[str] = set()
    for package, root in PACKAGES.items():
        for path in (PROJECT / root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names.update(alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - set(PACKAGES)


def locked() -> dict[str, Version]:
    pins = re.findall(r"^([\w.-]+)==(\S+)$", (PROJECT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in pins}


def test_every_import_is_declared() -> None:
    known = {
        canonicalize_name(r.name)
        for group in ("RUNTIME", "SIGNING", "LEROBOT", "MLFLOW", "VIEW", "WANDB")
        for r in declared(group)
    }
    assert {name for name in imported() if canonicalize_name(name) not in known | PARTS} == set()


def test_every_pin_lies_in_its_range() -> None:
    pins = locked()
    assert [
        str(requirement)
        for requirement in [*declared("RUNTIME"), *declared("DEVELOPMENT")]
        if not requirement.specifier.contains(pins[canonicalize_name(requirement.name)])
    ] == []


def test_the_lock_is_complete() -> None:
    """Every requirement of a pinned distribution is pinned too."""
    pins = locked()
    missing = {
        f"{name} needs {requirement.name}"
        for name in pins
        for requirement in map(Requirement, importlib.metadata.requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if canonicalize_name(requirement.name) not in pins.keys() | {"setuptools", "wheel"}
    }
    assert missing == set()
