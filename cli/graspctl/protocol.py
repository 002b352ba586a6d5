"""`graspctl eval --runs`: the paper's protocol, on one robot or on all."""

import functools
from pathlib import Path
from typing import Any

from grasp_tfp.errors import UsageError
from grasp_tfp.files import write_json
from grasp_tfp.models.loading import load_tensorflow
from graspctl.console import Progress, print_report, summary
from graspctl.trial_logs import logged, logs_of

__all__ = ["evaluate_runs"]

Plan = tuple[list[str], int, int, int, bool]
"""Methods, runs, trials, seed, and whether to stop early."""


def evaluate_runs(
    entries: list[Any] | None, found: dict[str, Path], plan: Plan, home: Path, *, blind: bool, as_json: bool
) -> None:
    """Runs or continues the protocol, and prints the table.

    Args:
        entries: The robot's `grasp_tfp.robots.fleet.FleetEntry`; the whole fleet if None.
        found: The run for each role.
        plan: What to do.
        home: Where the logs and the report go.
        blind: Whether not to show which method is at work.
        as_json: Whether to print the report as JSON.
    """
    if found:
        load_tensorflow()
    from grasp_tfp.robots.fleet import load_fleet
    from grasp_tfp.training.fleet import evaluate_fleet
    from grasp_tfp.training.on_robot import evaluate_robot
    from grasp_tfp.training.protocol import Protocol
    from grasp_tfp.training.protocol_report import analyse, report_lines
    from grasp_tfp.training.trial_table import write_csv

    methods, runs, trials, seed, stop_early = plan
    if entries is None and stop_early:
        raise UsageError("Expected --stop-early on one robot, received --robot all. Leave one of them out.")
    protocol = Protocol(tuple(methods), runs, trials, seed, stop_early)
    cells = entries or list(load_fleet().values())
    stem = f"{'+'.join(methods)}_seed{seed}_{runs}x{trials}{'_early' if stop_early else ''}"
    logs = {entry.name: home / f"{entry.name}_{stem}.jsonl" for entry in cells}
    bundles = {role: run / "bundle" for role, run in found.items()}
    with Progress("eval") as progress:
        total = protocol.total * len(cells)

        def show(done: int, doing: str) -> None:
            progress.update(done, total, "" if blind else doing)

        log = functools.partial(logged, home / "logs")
        if entries is None:
            rows = evaluate_fleet(cells, bundles, protocol, logs, show, log)
        else:
            rows = evaluate_robot(cells[0], bundles, protocol, logs[cells[0].name], show, log)
    report = {"runs": {role: str(run) for role, run in found.items()}} | analyse(protocol, rows)
    results = home / f"{'all' if entries is None else cells[0].name}_{stem}.json"
    write_json(results, report)
    write_csv(results.with_suffix(".csv"), rows)
    if as_json:
        return print_report(report)
    first, *others = map(str, logs.values())
    more = f" and {len(others)} more" if others else ""
    wrote = [str(results), str(results.with_suffix(".csv")), f"{first}{more}", *logs_of(home, cells)]
    summary(", ".join(wrote), report_lines(report), None)
