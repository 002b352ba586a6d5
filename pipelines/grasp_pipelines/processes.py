"""What processes need that work for another one and must never outlive it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

__all__ = ["die_with_parent", "interrupts_wait"]


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Holds Ctrl-C back; processes started meanwhile never see it, as they inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """Ends this process as soon as the one that started it has ended, however that happened."""
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
