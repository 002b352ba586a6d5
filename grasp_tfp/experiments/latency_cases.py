"""The ways to choose one grasp whose time `latency` compares, each as a function of two images."""

import dataclasses
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import NUM_SAMPLES, PRESETS, Config, CriticConfig, VisionConfig
from grasp_tfp.models.actor import Actor, build_actor
from grasp_tfp.models.critic import Critic, build_critic
from grasp_tfp.models.lite import LiteActor, lite_actor
from grasp_tfp.policies.cem import GAUSSIAN, Gaussians, search

__all__ = ["DECISIONS", "RUNTIMES", "TRUNKS", "Case", "Decision", "image_size_of", "prepare"]

Floats = NDArray[np.float64]
Decision = Callable[[NDArray[np.uint8], NDArray[np.uint8], np.random.Generator], Floats]
"""From `image` and `initial_image`, (1, S, S, 3), to an action (4,)."""

DECISIONS = ("actor", "actor + critic", "CEM, cached late merge", "CEM, trunk per iteration", "CEM, replicated maps",
             "CEM, replicated images")  # fmt: skip
RUNTIMES = ("Keras function", "SavedModel", "LiteRT float32", "LiteRT int8")

TRUNKS = {
    "paper": PRESETS["paper"].vision,
    "strided": dataclasses.replace(
        PRESETS["paper"].vision,
        filters=(16, 32, 32, 32, 32, 32),
        kernels=(6, 3, 3, 3, 3, 3, 3),
        strides=(4, 2, 2, 1, 1, 1, 1),
        batch_norm=False,
    ),
    "tiny": VisionConfig(32, (4,) * 6, (3,) * 7, (2, 2, 1, 1, 1, 1, 1), feature_points=4, dense=(8, 8)),
}
"""The preset, the same seven convolutions chosen for a decision within 10 ms, and one to test with."""


@dataclasses.dataclass(frozen=True)
class Case:
    """What is timed."""

    trunk: str
    decision: str = "actor"
    runtime: str = "Keras function"

    def __str__(self) -> str:
        return f"{self.trunk}: {self.decision}, {self.runtime}"


def image_size_of(case: Case) -> int:
    """Height and width of its images [px]."""
    return TRUNKS[case.trunk].image_size


def prepare(case: Case, threads: int) -> Decision:
    """Builds the networks of a case, with untrained weights, which take as long as trained ones."""
    config = Config(vision=TRUNKS[case.trunk], critic=CriticConfig("map" if "maps" in case.decision else "late"))
    if case.decision == "actor":
        return _actor_decision(_runtime(build_actor(config, "mof"), case.runtime, threads))
    critic = build_critic(config)
    if case.decision == "actor + critic":
        return _rescored(_act_of(build_actor(config, "mof")), critic)
    return _searched(critic, case.decision)


def _runtime(actor: Actor, runtime: str, threads: int) -> Any:
    if runtime.startswith("LiteRT"):
        return LiteActor(lite_actor(actor, int8=runtime.endswith("int8")), threads=threads).act
    return _act_of(actor) if runtime == "Keras function" else _saved(actor)


def _act_of(actor: Actor) -> Any:
    def act(image: Any, initial_image: Any, noise: Any) -> tuple[Any, Any]:
        samples, log_prob = actor.act(_seen(image, initial_image), tf.constant(noise))
        return samples.numpy(), log_prob.numpy()

    return act


def _saved(actor: Actor) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(actor)
        archive.add_endpoint("act", *actor.endpoints()["act"])
        archive.write_out(folder, verbose=False)
        loaded = tf.saved_model.load(folder)

    def act(image: Any, initial_image: Any, noise: Any) -> tuple[Any, Any]:
        answer = loaded.act(image, initial_image, tf.constant(noise))
        return answer["samples"].numpy(), answer["log_prob"].numpy()

    return act


def _noise(rng: np.random.Generator) -> NDArray[np.float32]:
    noise = [rng.standard_normal((1, NUM_SAMPLES, 4)), rng.random((1, NUM_SAMPLES, 1))]
    return np.concatenate(noise, axis=-1).astype(np.float32)


def _actor_decision(act: Any) -> Decision:
    def decide(image: Any, initial_image: Any, rng: np.random.Generator) -> Floats:
        samples, log_prob = act(image, initial_image, _noise(rng))
        return np.asarray(samples[0, np.argmax(log_prob[0])], np.float64)

    return decide


def _rescored(act: Any, critic: Critic) -> Decision:
    def decide(image: Any, initial_image: Any, rng: np.random.Generator) -> Floats:
        samples, _ = act(image, initial_image, _noise(rng))
        value = critic.value(critic.encode(_seen(image, initial_image)), tf.constant(samples))
        return np.asarray(samples[0, np.argmax(value[0])], np.float64)

    return decide


def _searched(critic: Critic, how: str) -> Decision:
    """CEM of the paper's size, around a Gaussian as wide as the workspace."""
    start = Gaussians(np.ones((1, 1)), np.zeros((1, 1, 4)), np.array([[[0.06, 0.06, 0.03, 0.9]]]))

    def decide(image: Any, initial_image: Any, rng: np.random.Generator) -> Floats:
        """The best action of the last population (4,)."""
        observation = _seen(image, initial_image)
        seen = critic.encode(observation) if how in ("CEM, cached late merge", "CEM, replicated maps") else None

        def value(actions: Floats) -> Floats:
            """What the critic gives for each of the actions (1, n, 4)."""
            tried = tf.constant(actions, tf.float32)
            if how == "CEM, replicated images":
                copies = {name: tf.repeat(one, GAUSSIAN.population, axis=0) for name, one in observation.items()}
                answer = critic.value(critic.encode(copies), tf.transpose(tried, [1, 0, 2]))
                return np.asarray(tf.transpose(answer), np.float64)
            return np.asarray(critic.value(critic.encode(observation) if seen is None else seen, tried), np.float64)

        last = search(start, value, lambda actions: np.ones(actions.shape[:2], bool), [rng])[-1]
        return np.asarray(last.actions[0, np.argmax(last.values[0])], np.float64)

    return decide


def _seen(image: Any, initial_image: Any) -> dict[str, tf.Tensor]:
    return {"image": tf.constant(image), "initial_image": tf.constant(initial_image)}
