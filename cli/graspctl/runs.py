"""The folder of a training run: what `train` writes, and `eval` and `deploy` read.

runs/mof/
    config.json     the model, its data and every setting
    checkpoints/    what an interrupted run continues from
    tensorboard/    history.csv
    bundle/         the policy, there once training has ended
    eval/           what `eval` measured and drew
"""

import json
import os
from pathlib import Path
from typing import Any

from grasp_tfp.errors import UsageError
from graspctl.console import load_tensorflow

__all__ = ["RUNS", "find_run", "load_policy", "start_run", "write_json"]

RUNS = Path("runs")


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


def find_run(run: Path | None) -> Path:
    """The run asked for, or the one that ended last.

    Raises:
        UsageError: There is none, or it has not ended.
    """
    if run is not None:
        if not (run / "bundle").is_dir():
            found = "a run that has not ended" if (run / "config.json").is_file() else "none"
            raise UsageError(f"No trained policy in {str(run)!r}: expected a run of graspctl train, found {found}.")
        return run
    bundles = sorted(RUNS.glob("*/bundle"), key=lambda bundle: bundle.stat().st_mtime)
    if not bundles:
        raise UsageError(f"No trained policy in {str(RUNS)!r}. Run graspctl train mof first, or name a run.")
    return bundles[-1].parent


def load_policy(path: Path) -> Any:
    """Reads and verifies the bundle in a folder, a `grasp_tfp.models.bundle.Bundle`.

    Raises:
        BundleRejected: It is incomplete, altered, or answers differently here.
    """
    load_tensorflow()
    from grasp_tfp.models import bundle

    return bundle.load(path)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes a JSON file in one piece."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)
