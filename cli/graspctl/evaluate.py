"""`graspctl eval`: how often policies grasp, on the same scenes."""

from pathlib import Path
from typing import Annotated

import typer

from grasp_tfp.errors import UsageError
from graspctl import completion
from graspctl.cells import find_cell
from graspctl.dry_run import show_decisions
from graspctl.options import RARE, AsJson
from graspctl.protocol import evaluate_runs
from graspctl.runs import PRETRAINED, RUNS, find_run
from graspctl.side_by_side import SideBySide, draw_trials, evaluate_side_by_side
from graspctl.view import View

__all__ = ["evaluate"]

PROTOCOL = "The paper's protocol"
TRIALS = 500


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
    protocol = not dry_run and (runs is not None or robot == "all")
    _refuse(
        (sim == (robot is not None), "one place to grasp. Use graspctl eval --robot NAME or graspctl eval --sim."),
        (bundle and run, "--bundle or --run: --bundle is the actor that comes with graspctl."),
        (dry_run and robot in (None, "all"), "--robot NAME with --dry-run: it looks at one robot. Name it."),
        (dry_run and view is not None, "--view without --dry-run: nothing moves. Leave one of them out."),
        (protocol and replay is not None, "--replay without --runs. Leave one of them out."),
        (protocol and view is not None, "--view without --runs. Leave one of them out."),
        (stop_early and robot == "all", "--stop-early on one robot, received --robot all. Leave one of them out."),
        (
            (blind or stop_early) and not (dry_run or protocol),
            "--blind and --stop-early with --runs only. Add --runs 6.",
        ),
    )
    names, found = _plan(policy, [PRETRAINED] if bundle else run or [])
    home = (RUNS / "pretrained" if bundle else next(iter(found.values()), RUNS / "random")) / "eval"
    entry = None if robot == "all" else find_cell(robot, task)
    if dry_run:
        return show_decisions(entry, names, found, seed, as_json=as_json)
    if protocol:
        from grasp_tfp.training.protocol import Protocol

        how = Protocol(tuple(names), runs or Protocol.runs, trials or Protocol.trials, seed, stop_early)
        return evaluate_runs(entry, found, how, home, blind=blind, as_json=as_json)
    job = SideBySide(entry, names, found, trials or TRIALS, seed, home)
    if replay is not None:
        return draw_trials(job, replay)
    evaluate_side_by_side(job, view, as_json=as_json)


def _refuse(*conflicts: tuple[object, str]) -> None:
    """Raises the first of some errors that applies, each with what is expected."""
    for applies, expected in conflicts:
        if applies:
            raise UsageError(f"Expected {expected}")


def _plan(policy: str, given: list[Path]) -> tuple[list[str], dict[str, Path]]:
    """The policies' names, and a run for each role that they need."""
    from grasp_tfp.policies.catalogue import find_policy

    names = [name.strip() for name in policy.split(",")]
    needed = dict.fromkeys(role for name in names for role in find_policy(name).roles)
    if len(set(names)) < len(names):
        raise UsageError(f"Expected each policy once, received {policy!r}.")
    return names, {role: find_run(given, role) for role in needed}
