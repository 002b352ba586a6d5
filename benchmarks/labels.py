"""How often labels from image differences agree with the simulator, with cameras that are noisy, drift and move.

Prints a table and writes labels.json. Each row is one camera; each camera learns its own threshold, from pairs with an
empty jaw, and then labels the same trials, half of them successes.
"""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from grasp_tfp.labelling import ImageDifference, Label, polygon_mask
from grasp_tfp.sim.camera_faults import CameraFaults
from grasp_tfp.sim.dropping import Dropped, grasp_and_drop, tray_corners
from grasp_tfp.sim.geometry import JAW
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import find_task, oracle_grasps, random_pose
from grasp_tfp.success import SuccessRate

CAMERAS = {
    "as rendered": CameraFaults(),
    "noise": CameraFaults(noise=5.0),
    "light drifts": CameraFaults(noise=2.0, drift=0.15),
    "moves 5 px": CameraFaults(noise=2.0, shift=2.5),
    "all three": CameraFaults(noise=5.0, drift=0.15, shift=2.5),
}
"""Two images differ by up to twice the shift of one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="of each task, half of them successes")
    parser.add_argument("--pairs", type=int, default=20, help="with an empty jaw, to learn the threshold from")
    parser.add_argument("--tasks", nargs="+", default=["blocks", "bottles-5"], help="which tasks")
    parser.add_argument("--size", type=int, default=256, help="of the images [px]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("labels.json"))
    options = parser.parse_args(arguments)
    rows = [row for task in options.tasks for row in measure(task, options)]
    print(f"{'task':<18}{'camera':<14}{'of those decided, as the simulator':<38}{'asked':<32}shift found")
    for row in rows:
        print(f"{row['task']:<18}{row['camera']:<14}{row['agreed']:<38}{row['asked']:<32}{row['shift']}")
    options.out.write_text(json.dumps({"options": vars(options) | {"out": str(options.out)}, "rows": rows}, indent=1))
    print(f"Wrote {options.out}")


def measure(task: str, options: Any) -> list[dict[str, Any]]:
    """Labels the same trials of a task with every camera."""
    began = time.perf_counter()
    calibration = grasps(task, options.pairs, 0, options.seed + 1)
    trials = grasps(task, options.trials // 2, options.trials // 2, options.seed)
    print(f"{task}: simulated in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    renderer, mask = Renderer(options.size), polygon_mask(tray_corners(options.size).tolist(), (options.size,) * 2)
    images = [[renderer.initial_image(s) for s in (t.after_grasp, t.after_drop)] for t in (*calibration, *trials)]
    rows = []
    for number, (name, camera) in enumerate(CAMERAS.items()):
        rng = np.random.default_rng([options.seed, number])
        taken = [(camera.spoil(first, rng), camera.spoil(second, rng)) for first, second in images]
        labeller = ImageDifference.fit(taken[: options.pairs], mask)
        found = [labeller.label(*pair) for pair in taken[options.pairs :]]
        rows.append({"task": task, "camera": name} | dataclasses.asdict(camera) | tally(labeller, trials, found))
    return rows


def grasps(task: str, failures: int, successes: int, seed: int) -> list[Dropped]:
    """Simulated grasps: random ones until enough failed, a person's until enough held."""
    found: dict[bool, list[Dropped]] = {True: [], False: []}
    wanted, index, chosen = {True: successes, False: failures}, 0, find_task(task)
    with GraspWorld() as world:
        while any(len(found[kind]) < wanted[kind] for kind in found):
            rng = np.random.default_rng([seed, index, 7])
            scene = chosen.scene(rng)
            good = len(found[True]) < wanted[True] and (len(found[False]) >= wanted[False] or index % 2 == 0)
            pose = oracle_grasps(scene)[0] if good else random_pose(rng, chosen.workspace)
            pose[2] = JAW.grasp_height
            trial = grasp_and_drop(world, scene, pose, rng)
            if len(found[trial.success]) < wanted[trial.success]:
                found[trial.success].append(trial)
            index += 1
    return found[False] + found[True]


def tally(labeller: ImageDifference, trials: list[Dropped], found: list[Any]) -> dict[str, Any]:
    """Counts of one camera."""
    decided = [(label, trial) for (label, _), trial in zip(found, trials, strict=True) if label is not Label.ASK]
    agreed = sum((label is Label.SUCCESS) == trial.success for label, trial in decided)
    scores = {kind: sorted(d.score for (_, d), t in zip(found, trials, strict=True) if t.success is kind)
              for kind in (False, True)}  # fmt: skip
    return {
        "agreed": str(SuccessRate(agreed, len(decided))),
        "asked": str(SuccessRate(len(trials) - len(decided), len(trials))),
        "wrong_successes": sum(label is Label.SUCCESS and not trial.success for label, trial in decided),
        "wrong_failures": sum(label is Label.FAILURE and trial.success for label, trial in decided),
        "shift": f"up to {max(max(map(abs, own.shift)) for _, own in found):.1f} px",
        "failure_below": labeller.failure_below,
        "success_above": labeller.success_above,
        "largest_failure_score": scores[False][-1],
        "smallest_success_scores": scores[True][:5],
    }


if __name__ == "__main__":
    main()
