"""The folder of a training run: what `train` writes, and `eval` and `deploy` read.

runs/mof/
    config.json     the model, its data and every setting
    checkpoints/    what an interrupted run continues from
    tensorboard/    history.csv
    tracking.json   what train --track began elsewhere
    bundle/         the policy, there once training has ended
    eval/           what `eval` measured and drew
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grasp_tfp
from grasp_tfp.errors import UsageError
from grasp_tfp.files import write_json
from grasp_tfp.models.loading import load_tensorflow

__all__ = ["PRETRAINED", "RUNS", "find_run", "image_size", "load_policy", "start_run"]

RUNS = Path("runs")

PRETRAINED = Path(grasp_tfp.__file__).parent / "pretrained" / "blocks"
"""A run whose bundle comes with the package; its README.md says what it is."""

TRAINS = {"actor": "mof", "critic": "critic", "prior": "prior"}
"""What to train for each role."""


def start_run(run: Path, description: dict[str, Any]) -> None:
    """Creates the folder of a run, or finds it as the same run left it when it was interrupted.

    Raises:
        UsageError: The folder holds a finished run, another run, or something else.
    """
    path = run / "config.json"
    if (run / "bundle").exists():
        raise UsageError(f"Cannot train into {str(run)!r}: it holds a finished run. Choose another --name.")
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(description)):
        raise UsageError(f"Cannot continue {str(run)!r}: its config.json has other settings. Choose another --name.")
    if not path.is_file() and run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise UsageError(f"Cannot train into {str(run)!r}: expected a new folder or a run. Choose another --name.")
    run.mkdir(parents=True, exist_ok=True)
    write_json(path, description)


def find_run(run: Path | Sequence[Path] | None, role: str = "actor") -> Path:
    """The run asked for that has a role, or the one with it that ended last.

    Args:
        run: One run, several of which one has to have the role, or none.
        role: `actor`, `prior` or `critic`.

    Raises:
        UsageError: There is none, or it has not ended.
    """
    given = [run] if isinstance(run, Path) else list(run or [])
    for path in given:
        if not (path / "bundle").is_dir():
            found = "a run that has not ended" if (path / "config.json").is_file() else "none"
            raise UsageError(f"No trained policy in {str(path)!r}: expected a run of graspctl train, found {found}.")
    runs = given or [path.parent for path in sorted(RUNS.glob("*/bundle"), key=lambda path: path.stat().st_mtime)]
    having = [path for path in runs if role in _roles(path)]
    if not having:
        where = ", ".join(repr(str(path)) for path in given) or repr(str(RUNS))
        kind = "trained policy" if role == "actor" else f"trained {role}"
        raise UsageError(f"No {kind} in {where}. Run graspctl train {TRAINS[role]} first, or name a run.")
    return having[-1]


def _roles(run: Path) -> list[str]:
    """What the run's bundle says it can be; whether that is true is found out when it is loaded."""
    try:
        roles = json.loads((run / "bundle" / "manifest.json").read_text(encoding="utf-8")).get("roles", ["actor"])
    except (OSError, ValueError, AttributeError):
        return ["actor"]
    return [str(role) for role in roles]


def load_policy(path: Path, role: str = "actor") -> Any:
    """Reads and verifies the bundle in a folder, a `grasp_tfp.models.bundle.Bundle`.

    Raises:
        BundleRejected: It is incomplete, altered, answers differently here, or has another role.
    """
    load_tensorflow()
    from grasp_tfp.models import bundle

    return bundle.load(path, role)


def image_size(bundles: dict[str, Any]) -> int:
    """Height and width of the images that the bundles take [pixels].

    Raises:
        UsageError: They differ.
    """
    sizes = {role: bundle.image_size for role, bundle in bundles.items()}
    if len(set(sizes.values())) > 1:
        raise UsageError(f"Expected runs for images of one size, received {sizes}. Choose others with --run.")
    return next(iter(sizes.values()), 64)
