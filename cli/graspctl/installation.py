"""What `graspctl doctor` looks at: Python, the libraries, the machine and the fleet file."""

import concurrent.futures
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import socket
import sys
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grasp_tfp
from grasp_tfp.errors import GraspError
from grasp_tfp.models.loading import load_tensorflow
from grasp_tfp.quiet import quiet_stderr
from graspctl.console import file_size

__all__ = ["INSTALLATION", "answers_at", "check_pins", "check_ranges"]

LOCK = Path(grasp_tfp.__file__).parents[1] / "requirements.lock"
"""The pins, where graspctl runs from a clone."""

DISK = 1_000_000_000
"""Free space below which the default collection and its dataset do not fit [bytes]."""

ANSWER_SECONDS = 2.0
"""How long a robot of the fleet has to answer."""

RUNNERS = {
    "FnApiRunner": "apache_beam.runners.portability.fn_api_runner",
    "PortableRunner": "apache_beam.runners.portability.portable_runner",
    "DaskRunner": "distributed",
}
"""Beam's runners, and the module without which each does not run."""


def _python() -> str:
    found = platform.python_version()
    if sys.version_info[:2] != (3, 11):
        raise GraspError(f"expected Python 3.11, found {found}: PyBullet has no wheels for other versions.")
    return f"{found} on {platform.platform()}, graspctl {grasp_tfp.__version__} in {Path(grasp_tfp.__file__).parent}"


def _libraries() -> str:
    if LOCK.is_file():
        return check_pins(LOCK.read_text(encoding="utf-8"), _installed())
    return check_ranges(importlib.metadata.requires("graspctl") or [], _installed())


def check_pins(lock: str, installed: Mapping[str, str]) -> str:
    """Compares installed libraries with the pins of a lock file; what is pinned and not installed may be a tool.

    Args:
        lock: Lines such as `numpy==2.4.6`.
        installed: Version of each library, by its canonical name.

    Raises:
        GraspError: Some have another version.
    """
    pins = {_canonical(name): pin for name, pin in re.findall(r"^([\w.-]+)==(\S+)$", lock, re.MULTILINE)}
    wrong = [
        f"{name} {installed[name]} instead of {pin}"
        for name, pin in pins.items()
        if name in installed and installed[name] != pin
    ]
    if wrong:
        raise GraspError(f"{', '.join(wrong)}. Run pip install -r requirements.lock.")
    missing = [name for name in pins if name not in installed]
    absent = f"; not installed: {', '.join(missing)}" if missing else ""
    return f"{len(pins) - len(missing)} of {len(pins)} pins of requirements.lock installed{absent}"


def check_ranges(requirements: list[str], installed: Mapping[str, str]) -> str:
    """Compares installed libraries with what graspctl requires, its extras left out.

    Args:
        requirements: Lines such as `numpy<3,>=2`.
        installed: Version of each library, by its canonical name.

    Raises:
        GraspError: Some are missing or outside their range.
    """
    from packaging.requirements import Requirement

    wrong, versions = [], []
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = installed.get(_canonical(requirement.name))
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found or 'is missing'}, expected {requirement.specifier}")
        versions.append(f"{requirement.name} {found}")
    if wrong:
        raise GraspError(f"{'; '.join(wrong)}. Run pip install graspctl again.")
    return f"{', '.join(versions)}: all in setup.py's ranges"


def _processor() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores, {file_size(memory)} of memory"


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free
    if free < DISK:
        raise GraspError(f"{file_size(free)} free here, expected {file_size(DISK)}: make room or change the folder.")
    return f"{file_size(free)} free here"


def _tensorflow() -> str:
    load_tensorflow()
    import tensorflow as tf

    found = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    names = ", ".join(str(details.get("device_name", "unnamed")) for details in found)
    return f"TensorFlow {tf.__version__}, {names or 'no GPU: it computes on the cores'}"


def _pybullet() -> str:
    from grasp_tfp.sim.physics import GraspWorld

    GraspWorld().close()
    return f"{importlib.metadata.version('pybullet')}, a world opens"


def _tfds() -> str:
    load_tensorflow()
    import tensorflow_datasets as tfds

    from grasp_datasets.schema import features

    return f"{tfds.__version__}, an example has {', '.join(features())}"


def _beam() -> str:
    with quiet_stderr():
        import apache_beam

        importlib.import_module(RUNNERS["FnApiRunner"])
    found = [name for name, module in RUNNERS.items() if importlib.util.find_spec(module.split(".")[0])]
    return f"{apache_beam.__version__}, runners {', '.join(found)}; PortableRunner asks for a job server"


def _fleet() -> str:
    from grasp_tfp.robots.fleet import load_fleet

    fleet = load_fleet()
    with concurrent.futures.ThreadPoolExecutor(max(1, len(fleet))) as pool:
        answers = pool.map(lambda robot: answers_at(robot.settings.get("url")), fleet.values())
        return ", ".join(f"{name} ({fleet[name].driver}{answer})" for name, answer in zip(fleet, answers, strict=True))


def answers_at(url: Any) -> str:
    """Whether something listens where a robot should be; nothing is sent, so nothing can move.

    Args:
        url: Such as `ws://kuka-3.lab:9090`; of a robot without one nothing is said.
    """
    if not isinstance(url, str):
        return ""
    try:
        place = urllib.parse.urlsplit(url)
        port = place.port or (443 if place.scheme == "wss" else 80)
        socket.create_connection((place.hostname, port), timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        return f", no answer at {url}: {error}"
    return f", answers at {url}"


def _installed() -> dict[str, str]:
    return {_canonical(found.metadata["Name"]): found.version for found in importlib.metadata.distributions()}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


INSTALLATION: dict[str, Callable[[], str]] = {
    "python": _python,
    "libraries": _libraries,
    "processor": _processor,
    "disk": _disk,
    "tensorflow": _tensorflow,
    "pybullet": _pybullet,
    "tfds": _tfds,
    "beam": _beam,
    "fleet": _fleet,
}
"""Each look returns what it found in one line, or raises what is wrong."""
