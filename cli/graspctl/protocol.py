"""`graspctl eval --runs`: the paper's protocol, on one robot or on all."""

import functools
from pathlib import Path
from typing import Any

from grasp_tfp.files import write_json
from graspctl.console import Progress, print_report, summary
from graspctl.trial_logs import logged, logs_of

__all__ = ["evaluate_runs"]


def evaluate_runs(entry: Any, found: dict[str, Path], protocol: Any, home: Path, *, blind: bool, as_json: bool) -> None:
    """Runs or continues the protocol, and prints the table.

    Args:
        entry: The robot's `grasp_tfp.robots.fleet.FleetEntry`; the whole fleet if None.
        found: The run for each role.
        protocol: What to do, a `grasp_tfp.training.protocol.Protocol`.
        home: Where the logs and the report go.
        blind: Whether not to show which method is at work.
        as_json: Whether to print the report as JSON.
    """
    from grasp_tfp.robots.fleet import load_fleet
    from grasp_tfp.training.fleet import evaluate_fleet
    from grasp_tfp.training.on_robot import evaluate_robot
    from grasp_tfp.training.protocol_report import analyse, report_lines
    from grasp_tfp.training.trial_table import write_csv

    cells = list(load_fleet().values()) if entry is None else [entry]
    size = f"{protocol.runs}x{protocol.trials}{'_early' if protocol.stop_early else ''}"
    stem = f"{'+'.join(protocol.methods)}_seed{protocol.seed}_{size}"
    logs = {cell.name: home / f"{cell.name}_{stem}.jsonl" for cell in cells}
    bundles = {role: run / "bundle" for role, run in found.items()}
    with Progress("eval") as progress:
        total = protocol.total * len(cells)

        def show(done: int, doing: str) -> None:
            progress.update(done, total, "" if blind else doing)

        log = functools.partial(logged, home / "logs")
        if entry is None:
            rows = evaluate_fleet(cells, bundles, protocol, logs, show, log)
        else:
            rows = evaluate_robot(entry, bundles, protocol, logs[entry.name], show, log)
    report = {"runs": {role: str(run) for role, run in found.items()}} | analyse(protocol, rows)
    results = home / f"{'all' if entry is None else entry.name}_{stem}.json"
    write_json(results, report)
    write_csv(results.with_suffix(".csv"), rows)
    if as_json:
        return print_report(report)
    first, *others = map(str, logs.values())
    more = f" and {len(others)} more" if others else ""
    wrote = [str(results), str(results.with_suffix(".csv")), f"{first}{more}", *logs_of(home, cells)]
    summary(", ".join(wrote), report_lines(report), None)
