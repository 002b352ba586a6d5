"""Whether an actor in LiteRT grasps as well as the bundle it comes from, on the same simulated trials.

python benchmarks/lite_success.py [--bundle FOLDER] [--trials 200] [--out benchmarks/lite_success.json]
"""

import argparse
import dataclasses
import json
import os
import pathlib
import time
from typing import Any

from grasp_tfp.comparison import compare
from grasp_tfp.models import bundle
from grasp_tfp.models.lite import LiteActor, lite_model
from grasp_tfp.policies.actor import ActorPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.evaluation import Evaluation, evaluate


def main() -> None:
    """Runs the comparison, prints a table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, default=pathlib.Path("grasp_tfp/pretrained/blocks/bundle"))
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/lite_success.json"))
    options = parser.parse_args()
    policy = bundle.load(options.bundle, "actor")
    saved = str(options.bundle / "policy")
    models = {f"LiteRT {name}": lite_model(saved, int8=name == "int8") for name in ("float32", "int8")}
    samplers: dict[str, Any] = {"SavedModel": policy}
    samplers |= {name: LiteActor(model, policy.digest) for name, model in models.items()}
    results: dict[str, Any] = {}
    first: Evaluation | None = None
    for name, sampler in samplers.items():
        began = time.process_time()
        done = evaluate(
            [SimRobot(seed=options.seed, image_size=policy.image_size) for _ in range(8)],
            ActorPolicy(sampler),
            trials=options.trials,
            seed=options.seed,
        )
        first = first or done
        paired = compare(done.successes, first.successes)
        results[name] = {
            "success": str(done.rate),
            "against SavedModel": str(paired),
            "paired": dataclasses.asdict(paired),
            "MB": round(len(models[name]) / 1e6, 2) if name in models else None,
            "CPU s": round(time.process_time() - began, 1),
        }
        print(f"{name:15}  {done.rate}  {'' if done is first else paired}", flush=True)
    partial = options.out.with_suffix(".partial")
    partial.write_text(json.dumps({"trials": options.trials, "seed": options.seed, "results": results}, indent=1))
    os.replace(partial, options.out)


if __name__ == "__main__":
    main()
