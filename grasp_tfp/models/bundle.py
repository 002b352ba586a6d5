"""A policy on disk: a folder that acts without this package's networks, and proves that it is whole.

manifest.json    what the policy is, where it may act, what it must answer, and the SHA-256 of every file
policy/          a SavedModel: an actor's endpoints are `act` and `log_prob`, a critic's `encode` and `value`
"""

import dataclasses
import hashlib
import importlib.metadata
import itertools
import json
import os
import shutil
import tempfile
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.errors import BundleRejected, GraspError, UsageError
from grasp_tfp.models.network import GraspNetwork

__all__ = ["FORMAT_VERSION", "Bundle", "copy_weights", "export", "in_memory", "load"]

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
SEAL = ("SHA256SUMS", "SHA256SUMS.sig")
"""Written beside when the bundle is deployed."""

TOLERANCE = 1e-3
"""Largest difference to the recorded answer, relative to 1 plus its size, that other hardware may cause."""


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A loaded bundle. Images are uint8, (B, S, S, 3); actions are [m] and [rad] relative to the gripper."""

    manifest: dict[str, Any]
    """What `export` recorded."""

    endpoints: Any
    """The SavedModel."""

    @property
    def digest(self) -> str:
        """SHA-256 that identifies the bundle."""
        return str(self.manifest["digest"])

    @property
    def image_size(self) -> int:
        """Width and height of the images that the policy takes [px]."""
        return int(self.manifest["image_size"])

    @property
    def roles(self) -> tuple[str, ...]:
        """What it can be: `actor`, `prior`, `critic`, or several of them."""
        return tuple(self.manifest["roles"])

    def act(self, image: Any, initial_image: Any, noise: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Sample actions.

        Args:
            image: What the camera sees.
            initial_image: What it saw before the arm came in.
            noise: (B, n, 5), four standard normal numbers and one uniform in [0, 1) for each sample.

        Returns:
            Actions (B, n, 4), dyaw in [-π/2, π/2), and their log-densities (B, n).
        """
        answer = self.endpoints.act(image, initial_image, tf.constant(noise, tf.float32))
        return answer["samples"].numpy(), answer["log_prob"].numpy()

    def sample(
        self, image: Any, initial_image: Any, n: int = 64, seed: int = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Sample actions for one pair of images, the most probable first.

        Args:
            image: What the camera sees, uint8, (S, S, 3).
            initial_image: What it saw before the arm came in, uint8, (S, S, 3).
            n: How many.
            seed: The same seed gives the same samples.

        Returns:
            Actions (n, 4), dyaw in [-π/2, π/2), and their log-densities (n,).
        """
        rng = np.random.default_rng(seed)
        noise = np.concatenate([rng.standard_normal((n, 4)), rng.random((n, 1))], axis=1)
        actions, log_probs = self.act(np.asarray(image)[None], np.asarray(initial_image)[None], noise[None])
        order = np.argsort(-log_probs[0], kind="stable")
        return actions[0][order], log_probs[0][order]

    def log_prob(self, image: Any, initial_image: Any, action: Any) -> NDArray[np.float32]:
        """Log-densities (B, n) of actions (B, n, 4)."""
        answer = self.endpoints.log_prob(image, initial_image, tf.constant(action, tf.float32))
        return np.asarray(answer.numpy(), np.float32)

    def encode(self, image: Any, initial_image: Any) -> Any:
        """What the critic sees, once for any number of actions."""
        return self.endpoints.encode(image, initial_image)

    def value(self, seen: Any, action: Any) -> NDArray[np.float32]:
        """Probabilities (B, n) that actions (B, n, 4) succeed, for what `encode` returned."""
        return np.asarray(self.endpoints.value(seen, tf.constant(action, tf.float32)).numpy(), np.float32)


def export(model: GraspNetwork, path: Path, card: dict[str, Any]) -> Bundle:
    """Write a bundle; nothing appears at `path` until it is whole.

    Args:
        model: The trained actor, critic or both.
        path: Folder to create.
        card: What else the manifest should say, such as camera, jaw, workspace and training, in JSON values.

    Returns:
        The bundle, loaded again.

    Raises:
        GraspError: If `path` exists.
    """
    if path.exists():
        raise GraspError(f"Cannot write the bundle {path}: it exists already. Choose another folder or remove it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        _save_endpoints(model, folder / "policy")
        manifest = _describe(model) | card | {"files": _hashes(folder)}
        manifest["golden"] = {"seed": 0, "answer": _answer(Bundle(manifest, _load_endpoints(folder)), seed=0)}
        manifest["digest"] = _digest(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        folder.chmod(0o755)
        os.replace(folder, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return load(path)


def load(path: Path, role: str | None = None) -> Bundle:
    """Read a bundle, after checking that it is whole, and that it answers here as it did where it was written.

    Args:
        path: Its folder.
        role: What it has to be: `actor`, `prior` or `critic`; anything if None.

    Raises:
        BundleRejected: If a file is missing, altered or surplus, the answer differs, or the role is another.
    """
    manifest = _read_manifest(path)
    if role is not None and role not in manifest["roles"]:
        raise BundleRejected(f"The bundle {path} has another role: expected {role}, "
                             f"received {' and '.join(manifest['roles'])}. Choose another run.")  # fmt: skip
    _check_files(path, manifest["files"])
    policy = Bundle(manifest, _load_endpoints(path))
    for name, expected in manifest["golden"]["answer"].items():
        received = np.array(_answer(policy, manifest["golden"]["seed"])[name])
        error = np.max(np.abs(received - expected) / (1 + np.abs(expected)))
        if not error <= TOLERANCE:
            raise BundleRejected(f"The bundle {path} does not reproduce its {name}: expected a difference of at most "
                                 f"{TOLERANCE}, received {error:.2g}. Export it with this TensorFlow.")  # fmt: skip
    return policy


def in_memory(model: GraspNetwork) -> Bundle:
    """A model that acts like its bundle, without writing one: to look at it while it learns."""
    functions = {name: function for name, (function, _) in model.endpoints().items()}
    return Bundle(_describe(model) | {"digest": ""}, types.SimpleNamespace(**functions))


def copy_weights(policy: Bundle, model: GraspNetwork) -> None:
    """Gives a model the weights of a bundle, and its statistics of images, actions and poses.

    They are matched by their order, as several weights of a bundle may have the same name.

    Raises:
        UsageError: They are those of another network.
    """
    received = [weight for weight in policy.endpoints.variables if not weight.name.startswith("seed_generator")]
    weights = [weight for weight in model.weights if not weight.path.startswith("seed_generator")]
    expected = [_outline(weight.path, weight.shape) for weight in weights]
    found = [_outline(weight.name, weight.shape) for weight in received]
    for one, other in itertools.zip_longest(expected, found, fillvalue="none"):
        if one != other:
            raise UsageError(f"Cannot begin with these weights, which are of another network: expected {one}, found "
                             f"{other}. Train the model, with the --preset and --set of vision and density, that the "
                             "run was trained with.")  # fmt: skip
    for weight, value in zip(weights, received, strict=True):
        weight.assign(value)


def _outline(name: str, shape: Sequence[int | None]) -> str:
    """What Keras and TensorFlow alike say of a weight; TensorFlow leaves out layers that another layer's call built."""
    parts = name.removesuffix(":0").split("/")
    return f"{parts[0]}/…/{parts[-1]} of shape {tuple(shape)}"


def _save_endpoints(model: GraspNetwork, folder: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, signature) in model.endpoints().items():
        archive.add_endpoint(name, function, signature)
    archive.write_out(str(folder), verbose=False)


def _describe(model: GraspNetwork) -> dict[str, Any]:
    packages = ("tensorflow", "tensorflow-probability", "keras", "numpy")
    software = {package: importlib.metadata.version(package) for package in packages}
    return {"format_version": FORMAT_VERSION, "software": software} | model.describe()


def _answer(policy: Bundle, seed: int) -> dict[str, Any]:
    """What the policy answers to random images, noise and actions."""
    rng = np.random.default_rng(seed)
    image, initial_image = rng.integers(0, 256, (2, 1, policy.image_size, policy.image_size, 3), dtype=np.uint8)
    size = len(policy.manifest["action_mean"])
    spread = rng.normal(size=(1, 8, size)) * policy.manifest["action_std"]
    answer: dict[str, Any] = {}
    if "critic" in policy.roles:
        answer["value"] = policy.value(
            policy.encode(image, initial_image), spread + policy.manifest["action_mean"]
        ).tolist()
    if set(policy.roles) != {"critic"}:
        samples, log_prob = policy.act(image, initial_image, rng.uniform(size=(1, 8, size + 1)))
        actions = np.linspace(policy.manifest["action_mean"], samples[0, 0], 8)[None]
        answer |= {"samples": samples.tolist(), "log_prob": log_prob.tolist()}
        answer["log_prob_of_actions"] = policy.log_prob(image, initial_image, actions).tolist()
    return answer


def _load_endpoints(folder: Path) -> Any:
    return tf.saved_model.load(str(folder / "policy"))


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        version, digest, expected = manifest["format_version"], manifest["digest"], _digest(manifest)
    except FileNotFoundError as error:
        raise BundleRejected(f"{path} is no bundle: expected a folder with {MANIFEST}. "
                             "Make one with graspctl deploy.") from error  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleRejected(f"Cannot read {path / MANIFEST}: {error}. Export the bundle again.") from error
    if version != FORMAT_VERSION:
        raise BundleRejected(f"The bundle {path} has format version {version}: expected {FORMAT_VERSION}. "
                             "Export it again.")  # fmt: skip
    if digest != expected:
        raise BundleRejected(f"{path / MANIFEST} was altered: expected digest {digest}, received {expected}. "
                             "Export the bundle again.")  # fmt: skip
    return dict(manifest)


def _check_files(path: Path, expected: dict[str, str]) -> None:
    received = _hashes(path)
    for name in sorted(expected.keys() | received.keys()):
        if received.get(name) != expected.get(name):
            fault = "missing" if name not in received else "surplus" if name not in expected else "altered"
            raise BundleRejected(f"The bundle {path} is not whole: {name} is {fault}. Export it again.")


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the manifest and the seal; links and the like have none, and so never match."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            regular = path.is_file() and not path.is_symlink()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if regular else "not a regular file"
            hashes[path.relative_to(folder).as_posix()] = content
    return {name: content for name, content in hashes.items() if name not in (MANIFEST, *SEAL)}


def _digest(manifest: dict[str, Any]) -> str:
    """SHA-256 of all that the manifest says, the hashes of the files included."""
    said = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
