"""`graspctl train --on-policy`: collectors and a learner side by side (Section VI-C)."""

from typing import Any

from graspctl.cells import in_simulation
from graspctl.console import Progress, print_report, steps_made, summary
from graspctl.runs import find_run, start_run

__all__ = ["train_on_policy"]


def train_on_policy(job: Any, as_json: bool) -> None:
    """Trains a `grasp_pipelines.on_policy.job.OnPolicy`, and prints what came of it.

    Raises:
        UsageError: The model, the task or the logs cannot be used.
    """
    from grasp_pipelines.on_policy import training
    from grasp_pipelines.on_policy.job import check_job

    check_job(job)
    if job.start is not None:
        find_run(job.start, "critic" if job.model == "critic" else "actor")
    start_run(job.run, job.describe())
    with Progress(f"train {job.model}") as progress:
        report = training.train_on_policy(job, progress.update)
    if as_json:
        return print_report(report)
    policy = "cem" if job.model == "critic" else "actor,ensemble"
    summary(
        f"{job.run}/ (policy bundle, {job.logs}/)",
        [
            steps_made(report),
            f"{report['successes']} of {report['trials']} trials held; the success of the policy while it learned is "
            f"in {job.run / 'history.csv'}",
        ],
        f"graspctl eval {in_simulation(job.task)} --run {job.run} --policy {policy} -n 1000",
    )
