"""`graspctl eval`: how often policies grasp, on the same scenes."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError
from grasp_tfp.files import write_json
from graspctl import completion
from graspctl.console import Progress, counted, duration, print_report, summary
from graspctl.dry_run import show_decisions
from graspctl.options import RARE, AsJson
from graspctl.protocol import evaluate_runs
from graspctl.runs import PRETRAINED, RUNS, find_run, image_size, load_policy
from graspctl.trial_logs import logged, logs_of
from graspctl.view import View, announce, watched

__all__ = ["evaluate", "recorded_cell"]

PROTOCOL = "The paper's protocol"
TRIALS = 500
RUNS_OF_THE_PAPER, TRIALS_OF_A_RUN = 6, 30
SIM_SEED = 1_000_000
"""Of scenes that are in no collection and in no robot of the fleet file."""

AT_ONCE = 64
"""Simulated trials that run at the same time."""


def evaluate(
    robot: Annotated[
        str | None,
        typer.Option(
            "--robot", metavar="NAME", autocompletion=completion.robots_or_all, help="Robot of the fleet file, or all."
        ),
    ] = None,
    sim: Annotated[bool, typer.Option("--sim", help="A simulated cell that is not in the fleet file.")] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task", autocompletion=completion.tasks, help="What lies in the tray of --sim; blocks if unset."
        ),
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            "--methods",
            metavar="A,B",
            autocompletion=completion.policies,
            help="random, actor, ensemble, cem, gmm-cem, actor-critic, ratio.",
        ),
    ] = "ensemble,actor,random",
    run: Annotated[
        list[Path] | None,
        typer.Option(
            "--run",
            metavar="RUN",
            autocompletion=completion.runs,
            help="What to evaluate, one for each role; the latest if unset.",
        ),
    ] = None,
    bundle: Annotated[bool, typer.Option("--bundle", help="Evaluate the actor that comes with graspctl.")] = False,
    trials: Annotated[
        int | None, typer.Option("--trials", "-n", min=1, help="Of each policy, 500 if unset; in each of --runs 30.")
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option("--runs", min=1, help="How many runs of trials in random order.", rich_help_panel=PROTOCOL),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what each policy would do now; nothing moves.")
    ] = False,
    blind: Annotated[
        bool, typer.Option("--blind", help="Do not show which policy is at work.", rich_help_panel=PROTOCOL)
    ] = False,
    stop_early: Annotated[
        bool,
        typer.Option(
            "--stop-early", help="End once all policies differ, by intervals that allow it.", rich_help_panel=PROTOCOL
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the order and the policies' choices.")] = 0,
    replay: Annotated[
        int | None,
        typer.Option("--replay", metavar="TRIAL", min=0, help="Draw a trial that was evaluated.", rich_help_panel=RARE),
    ] = None,
    view: View = None,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl eval --sim --policy actor,cem,actor-critic -n 1000

    Runs the same grasp trials with each policy and counts the successes: if unset, with the actor's samples of all
    looks of a trial (ensemble), with those of the last look alone (actor), and with random actions.
    Draws what the policies see in the first of them. With --runs 6 --trials 30 it follows the paper's protocol, and the
    same line continues one that was interrupted.
    """
    if sim == (robot is not None):
        raise UsageError("Expected one place to grasp. Use graspctl eval --robot NAME or graspctl eval --sim.")
    if bundle and run:
        raise UsageError("Expected --bundle or --run: --bundle is the actor that comes with graspctl.")
    names, found = _plan(policy, [PRETRAINED] if bundle else run or [])
    if dry_run:
        if robot in (None, "all"):
            raise UsageError("Expected --robot NAME with --dry-run: it looks at one robot. Name it.")
        if view is not None:
            raise UsageError("Expected --view without --dry-run: nothing moves. Leave one of them out.")
        return show_decisions(_cell(robot, task), names, found, seed, as_json=as_json)
    home = (RUNS / "pretrained" if bundle else next(iter(found.values()), RUNS / "random")) / "eval"
    if runs is not None or robot == "all":
        if replay is not None:
            raise UsageError("Expected --replay without --runs. Leave one of them out.")
        if view is not None:
            raise UsageError("Expected --view without --runs. Leave one of them out.")
        plan = names, runs or RUNS_OF_THE_PAPER, trials or TRIALS_OF_A_RUN, seed, stop_early
        entries = None if robot == "all" else [_cell(robot, task)]
        return evaluate_runs(entries, found, plan, home, blind=blind, as_json=as_json)
    if blind or stop_early:
        raise UsageError("Expected --blind and --stop-early with --runs only. Add --runs 6.")
    if view is not None:
        announce(view)
    entry = _cell(robot, task)
    results = home / f"{entry.name}_{'+'.join(names)}_seed{seed}_n{trials or TRIALS}.json"
    if replay is not None:
        return _replay(entry, results, replay)
    evaluations, report = _evaluate(entry, names, found, trials or TRIALS, seed, results.with_suffix(".png"), view)
    from grasp_tfp.training.report import differences, table
    from grasp_tfp.training.trial_table import rows_of_report, write_csv

    write_json(results, report)
    write_csv(results.with_suffix(".csv"), rows_of_report(report))
    if as_json:
        return print_report(report)
    pictures = [report["picture"]] if "picture" in report else []
    summary(
        ", ".join([str(results), str(results.with_suffix(".csv")), *pictures, *logs_of(home, [entry])]),
        [*table(evaluations), *differences(evaluations), _timing(evaluations)],
        f"graspctl deploy {found['actor']} --robot {robot or 'kuka-3'}" if "actor" in found else None,
    )


def _cell(robot: str | None, task: str | None) -> Any:
    """Where to grasp, a `grasp_tfp.robots.fleet.FleetEntry`."""
    from grasp_tfp.robots.fleet import FleetEntry, find_robot
    from grasp_tfp.sim.tasks import find_task

    if robot is None:
        name = find_task(task or "blocks").name
        return FleetEntry(f"sim-{task}" if task else "sim", "sim", name, SIM_SEED)
    if task is not None:
        raise UsageError(
            f"Expected --task with --sim only, received {task!r}: the fleet file says what {robot} grasps."
        )
    return find_robot(robot)


def recorded_cell(report: Mapping[str, Any]) -> Any:
    """The cell of an evaluation that was written before, a `grasp_tfp.robots.fleet.FleetEntry`."""
    name, task = report["robot"], report["task"]
    return _cell(None, task if name != "sim" else None) if name in ("sim", f"sim-{task}") else _cell(name, None)


def _plan(policy: str, given: list[Path]) -> tuple[list[str], dict[str, Path]]:
    """The policies' names, and a run for each role that they need."""
    from grasp_tfp.policies.catalogue import find_policy

    names = [name.strip() for name in policy.split(",")]
    needed = dict.fromkeys(role for name in names for role in find_policy(name).roles)
    if len(set(names)) < len(names):
        raise UsageError(f"Expected each policy once, received {policy!r}.")
    return names, {role: find_run(given, role) for role in needed}


def _evaluate(
    entry: Any,
    names: list[str],
    runs: dict[str, Path],
    trials: int,
    seed: int,
    picture: Path,
    view: str | None,
) -> tuple[list[Any], dict[str, Any]]:
    """Evaluates the policies and draws the picture."""
    from grasp_tfp.policies.catalogue import find_policy
    from grasp_tfp.robots.deployment import check_fit
    from grasp_tfp.robots.fleet import connect
    from grasp_tfp.robots.sim import SimRobot
    from grasp_tfp.training import evaluation
    from grasp_tfp.training.report import summarise

    bundles = {role: load_policy(run / "bundle", role) for role, run in runs.items()}
    simulated, found = entry.driver == "sim", []
    with contextlib.ExitStack() as stack:
        cells = [
            stack.enter_context(contextlib.closing(connect(entry, image_size(bundles))))
            for _ in range(min(AT_ONCE, trials) if simulated and view is None else 1)
        ]
        for bundle in bundles.values():
            check_fit(bundle.manifest, cells[0])
        keep = None if simulated else stack.enter_context(logged(picture.parent / "logs", entry.name))
        robots, seeing = stack.enter_context(watched(cells, bundles, view))
        for name in names:
            policy = find_policy(name).make(seeing, simulated)
            with Progress(f"eval {name}") as progress:
                found.append(
                    evaluation.evaluate(
                        robots,
                        policy,
                        trials=trials,
                        seed=seed,
                        progress=lambda done, total, held: progress.update(done, total, _rate(held, done)),
                        keep=keep,
                    )
                )
        where = {"robot": entry.name, "task": entry.task, "runs": {role: str(run) for role, run in runs.items()}}
        report: dict[str, Any] = where | {"seed": seed} | summarise(found)
        if isinstance(cells[0], SimRobot) and bundles:
            from grasp_tfp.experiments.sample_picture import draw_policies

            picture.parent.mkdir(parents=True, exist_ok=True)
            report["picture"] = str(picture)
            draw_policies(cells[0], bundles, picture)
    return found, report


def _rate(successes: int, done: int) -> str:
    """Successes so far; void trials are among those that are done."""
    from grasp_tfp.success import SuccessRate

    return str(SuccessRate(successes, done))


def _replay(entry: Any, results: Path, index: int) -> None:
    """Draws a film strip of one trial for each policy."""
    if not results.is_file():
        raise UsageError(f"Cannot find {str(results)!r}. Run the same line without --replay first.")
    if entry.driver != "sim":
        raise UsageError(f"Cannot replay on {entry.name!r}: only simulated trials can be drawn again.")
    from grasp_tfp.experiments.film_strip import draw_trial
    from grasp_tfp.robots.sim import SimRobot
    from grasp_tfp.training.report import recorded_trial

    report = json.loads(results.read_text(encoding="utf-8"))
    robot, drawn = SimRobot(entry.name, entry.task, entry.seed), []
    for name in report["policies"]:
        path = results.with_name(f"{results.stem}_trial{index}_{name}.png")
        draw_trial(recorded_trial(report, name, index, robot), path)
        drawn.append((path, report["policies"][name]["outcomes"][index]))
    robot.close()
    summary(
        ", ".join(str(path) for path, _ in drawn),
        [
            f"{name}: {'held' if row['success'] else row['failure']} after {row['num_steps']} moves"
            for name, (_, row) in zip(report["policies"], drawn, strict=True)
        ],
        None,
    )


def _timing(evaluations: list[Any]) -> str:
    seconds = ", ".join(f"{evaluation.policy} {duration(evaluation.seconds)}" for evaluation in evaluations)
    at_once = counted(evaluations[0].at_once, "trial")
    return f"{seconds}; {at_once} at once, a decision's time is its share of a pass for all that run"
