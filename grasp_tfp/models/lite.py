"""An actor in LiteRT, for computers that TensorFlow is too large for; it needs no random generator to act."""

import tempfile
import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import NUM_SAMPLES
from grasp_tfp.models.actor import Actor
from grasp_tfp.quiet import quiet_stderr

__all__ = ["LiteActor", "lite_actor", "lite_model"]


class LiteActor:
    """A converted actor, which acts like the bundle that it comes from."""

    def __init__(self, model: bytes, digest: str = "", threads: int = 1) -> None:
        """Prepare the interpreter.

        Args:
            model: What `lite_model` or `lite_actor` returned.
            digest: Of the bundle.
            threads: How many it may use.
        """
        self.digest = digest
        with (
            quiet_stderr(),
            warnings.catch_warnings(),
        ):  # of its move to another package, which would be one more dependency
            warnings.simplefilter("ignore")
            self._interpreter = tf.lite.Interpreter(model_content=model, num_threads=threads)
        self._act = self._interpreter.get_signature_runner("act")

    def act(self, image: Any, initial_image: Any, noise: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Actions (B, n, 4) and their log-densities (B, n), as `Bundle.act` gives them; n is `NUM_SAMPLES`."""
        rows = zip(np.asarray(image), np.asarray(initial_image), np.asarray(noise, np.float32), strict=True)
        answers = [
            self._act(image=one[None], initial_image=initial[None], noise=own[None]) for one, initial, own in rows
        ]
        return tuple(np.concatenate([answer[name] for answer in answers]) for name in ("samples", "log_prob"))  # type: ignore[return-value]


def lite_model(saved_model: str, *, int8: bool) -> bytes:
    """The endpoint `act` of a SavedModel in LiteRT's format, for one observation and `NUM_SAMPLES` samples.

    Args:
        saved_model: Its folder, such as `policy` of a bundle.
        int8: Whether its weights become 8-bit integers, and its activations too wherever they meet a weight (dynamic
            range quantisation, which needs no examples); otherwise it computes in float32.
    """
    loaded = tf.saved_model.load(saved_model)
    specs = loaded.signatures["act"].structured_input_signature[1]
    fixed = {name: tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, name) for name, spec in specs.items()}
    noise = specs["noise"]
    fixed["noise"] = tf.TensorSpec([1, NUM_SAMPLES, noise.shape[-1]], noise.dtype, "noise")
    with tempfile.TemporaryDirectory() as folder:
        act = tf.function(lambda image, initial_image, noise: loaded.act(image, initial_image, noise))
        tf.saved_model.save(loaded, folder, signatures={"act": act.get_concrete_function(**fixed)})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["act"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if int8 else []
        model: bytes = converter.convert()
    return model


def lite_actor(actor: Actor, *, int8: bool) -> bytes:
    """An actor in LiteRT's format; see `lite_model`."""
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(actor)
        archive.add_endpoint("act", *actor.endpoints()["act"])
        archive.write_out(folder, verbose=False)
        return lite_model(folder, int8=int8)
