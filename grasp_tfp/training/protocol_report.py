"""What an evaluation by the protocol found: the paper's table, methods by runs, and how the methods differ."""

import collections
import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from grasp_tfp.pooling import Stratum, cluster_bootstrap, mantel_haenszel
from grasp_tfp.sequential import anytime_difference, anytime_interval
from grasp_tfp.success import SuccessRate
from grasp_tfp.training.protocol import Protocol, Row, paired

__all__ = ["analyse", "report_lines"]


def analyse(protocol: Protocol, rows: Sequence[Row]) -> dict[str, Any]:
    """Counts, intervals and comparisons as JSON values.

    Void trials count nowhere but in `void`; a trial without a feasible grasp is a failure.

    Args:
        protocol: What was to be done.
        rows: The trials of one robot or several, as `run_protocol` returns them.
    """
    robots = sorted({str(row["robot"]) for row in rows})
    return {
        "protocol": dataclasses.asdict(protocol),
        "robots": robots,
        "planned": protocol.total * len(robots),
        "made": len(rows),
        "methods": {name: _method(protocol, rows, name, robots) for name in protocol.methods},
        "comparisons": [
            _comparison(protocol, rows, second, first) for first, second in itertools.combinations(protocol.methods, 2)
        ],
    }


def report_lines(report: dict[str, Any]) -> list[str]:
    """The table, and a line or more for each two methods."""
    methods, runs = report["methods"], report["protocol"]["runs"]
    early = report["protocol"]["stop_early"]
    heads = ["method", *(f"run {number + 1}" for number in range(runs)), "all", "void", "moves"]
    table = [heads] + [
        [name, *map(_percent, own["runs"]), own["text"], str(len(own["void"])), f"{own['mean_steps']:.1f}"]
        for name, own in methods.items()
    ]
    lines = _aligned(table)
    if len(report["robots"]) > 1:
        table = [["robot", *methods]] + [
            [robot, *(own["robots"][robot]["text"] for own in methods.values())] for robot in report["robots"]
        ]
        lines += ["", *_aligned(table)]
    lines += ["", *_aligned([[_pair(found), text] for found in report["comparisons"] for text in _texts(found, early)])]
    failures = [(name, own["failures"]) for name, own in methods.items() if own["failures"]]
    lines += [f"failures of {name}: " + ", ".join(f"{why} {n}" for why, n in own.items()) for name, own in failures]
    lines += [f"void, {name}: {why}" for name, own in methods.items() for why in own["void"]]
    if report["made"] < report["planned"]:
        ending = "it stopped early, so only intervals that allow it are given" if early else "it is not complete"
        lines.append(f"{report['made']} of {report['planned']} trials: {ending}")
    return lines


def _method(protocol: Protocol, rows: Sequence[Row], name: str, robots: Sequence[str]) -> dict[str, Any]:
    own = [row for row in rows if row["method"] == name]
    valid = [row for row in own if not row["void"]]
    failures = collections.Counter(row["failure"] for row in valid if not row["success"])
    return {
        **_rate(valid, protocol.stop_early),
        "runs": [_rate([row for row in valid if row["run"] == run], False) for run in range(protocol.runs)],
        "robots": {robot: _rate([r for r in valid if r["robot"] == robot], protocol.stop_early) for robot in robots},
        "void": [row["void"] for row in own if row["void"]],
        "failures": dict(failures.most_common()),
        "mean_steps": float(np.mean([row["num_steps"] for row in valid])) if valid else 0.0,
        "decision_milliseconds": 1000
        * sum(row["decision_seconds"] for row in valid)
        / max(sum(row["num_steps"] for row in valid), 1),
    }


def _rate(rows: Sequence[Row], early: bool) -> dict[str, Any]:
    rate = SuccessRate(sum(row["success"] for row in rows), len(rows))
    low, high = anytime = anytime_interval(rate.successes, rate.trials)
    text = f"{rate.successes}/{rate.trials} = {100 * rate.rate:.1f} % [{100 * low:.1f}, {100 * high:.1f}] at any time"
    return {
        "text": text if early else str(rate),
        "successes": rate.successes,
        "trials": rate.trials,
        "interval": rate.interval,
        "anytime_interval": anytime,
    }


def _comparison(protocol: Protocol, rows: Sequence[Row], first: str, second: str) -> dict[str, Any]:
    found = paired(rows, first, second)
    clusters = _strata(rows, first, second, by_run=True)
    pooled = mantel_haenszel(_strata(rows, first, second, by_run=False))
    anytime = anytime_difference(found.both, found.only_first, found.only_second, found.neither)
    return {
        "methods": [first, second],
        "text": str(found),
        "pairs": dataclasses.asdict(found),
        "difference": found.difference,
        "interval": found.interval,
        "p_value": found.p_value,
        "trials_needed": found.needed,
        "anytime_interval": anytime,
        "robots": len({row["robot"] for row in rows}),
        "mantel_haenszel": dataclasses.asdict(pooled) | {"text": str(pooled)},
        "clusters": len(clusters),
        "bootstrap_interval": cluster_bootstrap(clusters, protocol.seed),
    }


def _strata(rows: Sequence[Row], first: str, second: str, by_run: bool) -> list[Stratum]:
    """A stratum for each robot, or for each run of each robot."""
    counts: dict[tuple[str, int], list[int]] = collections.defaultdict(lambda: [0, 0, 0, 0])
    for row in rows:
        if row["method"] in (first, second) and not row["void"]:
            own = counts[row["robot"], row["run"] if by_run else 0]
            place = 0 if row["method"] == first else 2
            own[place] += row["success"]
            own[place + 1] += 1
    return [Stratum(*own) for _, own in sorted(counts.items())]


def _texts(found: dict[str, Any], early: bool) -> list[str]:
    low, high = (100 * bound for bound in found["anytime_interval"])
    if early:
        return [f"{100 * found['difference']:+.1f} points [{low:+.1f}, {high:+.1f}] at any time"]
    texts = [found["text"]]
    if found["robots"] > 1:
        texts.append(f"{found['mantel_haenszel']['text']}: Mantel-Haenszel over {found['robots']} robots, unpaired")
    if found["bootstrap_interval"]:
        low, high = (100 * bound for bound in found["bootstrap_interval"])
        unit = "runs of robots" if found["robots"] > 1 else "runs"
        texts.append(f"{100 * found['difference']:+.1f} points [{low:+.1f}, {high:+.1f}]: {found['clusters']} {unit} "
                     "drawn again")  # fmt: skip
    return texts


def _pair(found: dict[str, Any]) -> str:
    first, second = found["methods"]
    return f"{first} - {second}"


def _percent(cell: dict[str, Any]) -> str:
    return f"{100 * cell['successes'] / cell['trials']:.1f}" if cell["trials"] else "-"


def _aligned(table: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)] if table else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
