"""A function for each of many elements on any Beam runner: the one shape of pipeline that all of them run."""

import contextlib
import logging
import os
import pathlib
import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from grasp_pipelines import storage
from grasp_pipelines.beam_options import beam_options, chooses_runner
from grasp_tfp.errors import GraspError, UsageError

__all__ = ["cores", "polled", "run_map"]


def run_map(
    name: str,
    function: Callable[..., None],
    elements: Sequence[Any],
    argument: Any,
    *,
    workers: int | None,
    beam_args: Sequence[str],
    printed: pathlib.Path,
    failed: str,
) -> None:
    """Calls `function(element, argument)` for every element.

    Args:
        name: Of the pipeline's step.
        function: Of a module, so that it can be sent to other processes.
        elements: What to spread over the workers.
        argument: What every call has to know.
        workers: Processes of this machine where no other runner is asked for; one per core by default.
        beam_args: Options for Beam, such as `--runner=...`.
        printed: File for what processes on this machine print.
        failed: What a failure means; the reason follows it.

    Raises:
        UsageError: Beam cannot run with these options.
        GraspError: Beam stopped.
    """
    local = not chooses_runner(beam_args)
    with _hushed(logging.ERROR if local else logging.WARNING):
        import apache_beam as beam

        processes = min(workers or cores(), len(elements))
        options = beam_options([f"--direct_num_workers={processes}", *beam_args])
        runner = _local_runner(printed, processes) if local else None
        try:
            described = beam.Pipeline(runner=runner, options=options)
        except (ValueError, ImportError, AttributeError) as error:
            raise UsageError(f"Beam cannot run with {' '.join(beam_args)}: {error}") from error
        try:
            with described as pipeline:
                _ = (
                    pipeline
                    | "Plan" >> beam.Create(elements)  # type: ignore[no-untyped-call]
                    | "Spread" >> beam.Reshuffle()  # type: ignore[no-untyped-call]
                    | name >> beam.Map(_call, function, argument, list(beam_args))  # type: ignore[no-untyped-call]
                )
            if (client := getattr(described.result, "client", None)) is not None:
                client.close()  # Dask's, which would end with pages of log messages
        except GraspError:
            raise
        except Exception as error:  # each runner has exceptions of its own, and some raise those of the function
            reason = (str(error).strip() or repr(error)).splitlines()[-1]
            raise GraspError(f"{failed}: {reason}") from error


@contextlib.contextmanager
def polled(look: Callable[[], None], every: float) -> Iterator[None]:
    """Calls `look` from a thread of its own meanwhile, as Beam itself reports nothing.

    Args:
        look: What to call. Where it raises a GraspError, say because a bucket cannot be reached for a moment, it is
            called again at its next time: what runs meanwhile does not depend on being watched.
        every: Time between two calls [s].
    """
    finished = threading.Event()

    def poll() -> None:
        while not finished.wait(every):
            with contextlib.suppress(GraspError):
                look()

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def cores() -> int:
    """How many processes can run at once on this machine."""
    return len(os.sched_getaffinity(0))


def _call(element: Any, function: Callable[..., None], argument: Any, beam_args: list[str]) -> None:
    """Calls the function in a worker whose file systems know Beam's options, which not every runner sees to."""
    if beam_args:
        storage.use_options(beam_options(beam_args))
    function(element, argument)


def _local_runner(printed: pathlib.Path, processes: int) -> Any:
    """Beam's own runner, named because the default one would try to download another.

    Args:
        printed: Takes what the worker processes print.
        processes: How many; a single one is this process itself.
    """
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    if processes == 1:
        return FnApiRunner()
    python, output = shlex.quote(sys.executable), shlex.quote(str(printed))
    command = f"{python} -m apache_beam.runners.worker.sdk_worker_main 2>> {output}"
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command))


@contextlib.contextmanager
def _hushed(level: int) -> Iterator[None]:
    """Keeps log messages up to `level` off the terminal: Beam warns at each import and logs what it raises."""
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        yield
    finally:
        logging.disable(before)
