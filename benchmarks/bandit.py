"""Where the on-policy loss of Section IV-B leads on a small bandit, for several weights α of the entropy.

Prints a table and writes JSON.

    python benchmarks/bandit.py [--steps 3000] [--out benchmarks/bandit.json]
"""

import argparse
import dataclasses
import json
import pathlib

from grasp_tfp.experiments.bandit import run


def main() -> None:
    """Runs the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alpha", type=float, nargs="+", default=[0.1, 0.3, 1.0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/bandit.json"))
    options = parser.parse_args()
    print("Total variation between the learned policy and exp(r/α), which Section IV-B says it becomes")
    print("    α  actions of the policy  uniform actions  (those to the optimum of their own loss)")
    reports = []
    for alpha in options.alpha:
        report = run(alpha=alpha, steps=options.steps)
        own = f"({report.uniform_to_optimum:.3f})"
        print(f"{alpha:5.2f}{report.tracking:23.3f}{report.uniform:17.3f}  {own}", flush=True)
        reports.append(dataclasses.asdict(report))
    options.out.write_text(json.dumps(reports, indent=1) + "\n")
    print(f"Wrote {options.out}")


if __name__ == "__main__":
    main()
