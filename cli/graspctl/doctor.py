"""`graspctl doctor`: what there is to run on, and whether it works."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

import typer

from graspctl.console import print_report
from graspctl.installation import INSTALLATION
from graspctl.options import AsJson
from graspctl.self_test import self_test

__all__ = ["Check", "doctor", "run_checks"]


@dataclasses.dataclass(frozen=True)
class Check:
    """What one look at the installation found."""

    name: str
    passed: bool
    detail: str
    """What was found, or what is wrong."""

    seconds: float


def doctor(
    no_self_test: Annotated[bool, typer.Option("--no-self-test", help="Look only, run nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl doctor

    Looks at Python, the libraries, the machine and the fleet file, then runs in a temporary folder a grasp trial, a
    conversion of ten trials, a training step, and an evaluation of the actor that comes with graspctl.
    Paste what it prints into a bug report. The exit code is 1 if a check fails.
    """
    checks = []
    with self_test() as tests:
        for check in run_checks(INSTALLATION | ({} if no_self_test else tests)):
            checks.append(check)
            if not as_json:
                mark = "ok" if check.passed else "FAILED"
                typer.echo(f"{mark:<8}{check.name:<12}{check.detail}  ({check.seconds:.1f} s)")
    failed = [check for check in checks if not check.passed]
    if as_json:
        print_report({"passed": not failed, "checks": [dataclasses.asdict(check) for check in checks]})
    for check in failed:
        typer.echo(f"Error: {check.name}: {check.detail}", err=True)
    if failed:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"Measured  {len(checks)} of {len(checks)} checks passed\nNext      graspctl collect --sim")


def run_checks(looks: Mapping[str, Callable[[], str]]) -> Iterator[Check]:
    """Does one look after the other; what any of them raises is what is wrong.

    Args:
        looks: Each returns what it found in one line.
    """
    for name, look in looks.items():
        began = time.perf_counter()
        try:
            passed, detail = True, look()
        except Exception as error:
            passed, detail = False, " ".join(f"{error}".split()) or type(error).__name__
        yield Check(name, passed, detail, time.perf_counter() - began)
