"""How long the simulated arm goes on when the bridge or the client is lost in the middle of a move.

    python benchmarks/holds.py --rounds 5 --json holds.json

Drills are interleaved; arm, bridge and client are processes of their own, and the time is taken from the arm's own
positions. The watchdog waits 0.4 s; the simulated arm stands at once when it is held, which a real one does not.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from grasp_tfp.robots.twin.drill import DRILLS, run_drills

__all__: list[str] = []


def main() -> None:
    """Runs the drills and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, list[float]] = {fault: [] for fault in DRILLS}
    degrees: dict[str, list[float]] = {fault: [] for fault in DRILLS}
    messages: dict[str, str] = {}
    for number in range(options.rounds):
        for fault, result in run_drills(("ros2", "ros1")[number % 2]).items():
            if not result.unfinished:
                raise SystemExit(f"{fault}: the arm was not in the middle of a move; run again on an idle machine.")
            found[fault].append(result.seconds)
            degrees[fault].append(result.degrees)
            messages[fault] = result.message
            print(f"{number + 1}/{options.rounds} {fault}: {result.seconds:.2f} s", file=sys.stderr)
    print(f"{'fault':<16}{'rounds':>7}{'median s':>10}{'min s':>8}{'max s':>8}{'max °':>8}")
    for fault, seconds in found.items():
        row = statistics.median(seconds), min(seconds), max(seconds)
        print(f"{fault:<16}{len(seconds):>7}{row[0]:>10.2f}{row[1]:>8.2f}{row[2]:>8.2f}{max(degrees[fault]):>8.2f}")
    if options.json:
        report = {"hold_seconds": found, "degrees": degrees, "messages": messages}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
