"""Beam's own command-line options, checked: Beam itself ignores the ones that it does not know."""

import contextlib
import difflib
import importlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

from grasp_tfp.errors import UsageError

__all__ = ["beam_options", "chooses_runner"]


def chooses_runner(words: Sequence[str]) -> bool:
    """Whether the options name a runner."""
    return any(word == "--runner" or word.startswith("--runner=") for word in words)


def beam_options(words: Sequence[str]) -> Any:
    """Beam's `PipelineOptions` of a command line.

    Options that only a job server knows are known once `--job_endpoint` names it.

    Raises:
        UsageError: One of the words is no option of Beam, or its value does not fit.
    """
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    with _one_line(words):
        options = PipelineOptions(list(words))
        _load_runner(options.view_as(StandardOptions).runner or "")
        parsers: list[Any] = []
        known = options.get_all_options(add_extra_args_fn=parsers.append)
        _, unknown = parsers[0].parse_known_args(list(words))
    if unknown and unknown[0].split("=")[0] not in (names := _job_server_options(options)):
        name = unknown[0].split("=")[0]
        nearest = difflib.get_close_matches(name, [f"--{option}" for option in known] + names, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else " Options after -- are Beam's pipeline options."
        raise UsageError(f"Unknown Beam option {name!r}.{hint}")
    return options


def _load_runner(name: str) -> None:
    """Imports the module of a runner that is named by its class, which may bring options of its own."""
    module, _, kind = name.rpartition(".")
    if module:
        getattr(importlib.import_module(module), kind)


def _job_server_options(options: Any) -> list[str]:
    """The options that a job server has besides Beam's, where its address is given."""
    from apache_beam.options.pipeline_options import PortableOptions

    portable = options.view_as(PortableOptions)
    if ":" not in (portable.job_endpoint or ""):
        return []
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    with grpc.insecure_channel(portable.job_endpoint) as channel:
        server = beam_job_api_pb2_grpc.JobServiceStub(channel)  # type: ignore[no-untyped-call]
        try:
            request = beam_job_api_pb2.DescribePipelineOptionsRequest()
            answer = server.DescribePipelineOptions(request, timeout=portable.job_server_timeout)
        except grpc.RpcError as error:
            raise UsageError(
                f"No Beam job server answers at {portable.job_endpoint!r}. Start it, then try again."
            ) from error
    return [f"--{option.name}" for option in answer.options]


@contextlib.contextmanager
def _one_line(words: Sequence[str]) -> Iterator[None]:
    """Turns what Beam makes of bad options into one line."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            yield
    except (SystemExit, ValueError, ImportError, AttributeError) as error:
        said = printed.getvalue().strip() or str(error)
        reason = said.splitlines()[-1].rpartition("error: ")[2]
        raise UsageError(f"Beam cannot run with {' '.join(words)}: {reason}") from error
