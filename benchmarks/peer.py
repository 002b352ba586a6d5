"""PyBullet's own grasping environment, which needs gym to be imported: here a few empty modules stand in for it."""

import contextlib
import importlib
import importlib.util
import io
import random
import sys
import time
import types
import warnings
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

__all__ = ["PEER_SIZE", "Peer", "run_peer"]

PEER_SIZE = 48
"""Height and width of the environment's images by default [pixels]."""


class Peer(NamedTuple):
    """What some episodes took and brought."""

    rate: float
    """Episodes per CPU second [1/s]."""

    attempts: int
    """Episodes in which the jaw closed at all."""

    successes: int
    episodes: int


def run_peer(size: int, episodes: int, seed: int) -> Peer:
    """Runs `KukaDiverseObjectEnv` with its default settings but the image size, and uniformly random actions.

    No other physics client may be open in this process: the environment always talks to the first one.
    """
    environment = _environment_class()(**({} if size == PEER_SIZE else {"width": size, "height": size}))
    random.seed(seed)
    np.random.seed(seed)
    attempts = successes = 0
    began = time.process_time()
    for _ in range(episodes):
        environment.reset()
        done, reward = False, 0
        while not done:
            _, reward, done, _ = environment.step(np.random.uniform(-1, 1, 3))
        attempts += environment._attempted_grasp
        successes += reward
    return Peer(episodes / (time.process_time() - began), attempts, successes, episodes)


def _environment_class() -> Any:
    """Imports the class beside the packages' own `__init__` files, which import every environment there is."""
    folder = importlib.util.find_spec("pybullet_envs").submodule_search_locations[0]  # type: ignore[union-attr, index]
    bullet = f"{folder}/bullet"
    shims = {name: types.ModuleType(name) for name in ("gym", "gym.spaces", "gym.utils", "gym.utils.seeding")}
    shims |= {name: types.ModuleType(name) for name in ("pkg_resources", "pybullet_envs", "pybullet_envs.bullet")}
    shims["pybullet_envs"].__path__, shims["pybullet_envs.bullet"].__path__ = [folder], [bullet]
    shims["pkg_resources"].parse_version = lambda text: [int(part) for part in text.split(".")]  # type: ignore[attr-defined]
    gym, spaces, utils = shims["gym"], shims["gym.spaces"], shims["gym.utils"]
    gym.Env, gym.__version__, gym.spaces, gym.utils = object, "1.0.0", spaces, utils  # type: ignore[attr-defined]
    spaces.Box = spaces.Discrete = mock.Mock  # type: ignore[attr-defined]
    utils.seeding = shims["gym.utils.seeding"]  # type: ignore[attr-defined]
    utils.seeding.np_random = lambda seed=None: (np.random.default_rng(seed), seed)
    with (
        mock.patch.dict(sys.modules, shims),
        mock.patch.object(sys, "path", list(sys.path)),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        return importlib.import_module("pybullet_envs.bullet.kuka_diverse_object_gym_env").KukaDiverseObjectEnv
