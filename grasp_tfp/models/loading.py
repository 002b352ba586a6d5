"""TensorFlow, imported late and without the lines that it writes to stderr, which no setting of its own prevents."""

import contextlib

from grasp_tfp.quiet import quiet_stderr

__all__ = ["load_tensorflow"]


def load_tensorflow(threads: int | None = None) -> None:
    """Imports TensorFlow and finds the devices.

    Args:
        threads: How many it may use, where it does not run already; one per core by default. With one, processes
            share the cores, and sums have one order.
    """
    with quiet_stderr():
        import tensorflow as tf

        if threads is not None:
            with contextlib.suppress(RuntimeError):  # it runs already
                tf.config.threading.set_intra_op_parallelism_threads(threads)
                tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.list_physical_devices()
