"""What looks at a policy while it learns: evaluations and pictures for TensorBoard."""

from pathlib import Path

import keras

from grasp_tfp.experiments.training_pictures import TrainingPictures
from grasp_tfp.models.network import GraspNetwork
from grasp_tfp.policies.actor import ActorPolicy
from grasp_tfp.policies.critic import CemPolicy
from grasp_tfp.training.monitor import Monitor
from grasp_tfp.training.off_policy import EPOCH_STEPS

__all__ = ["watching"]

LOOKS = 8
"""About how often in a training."""

TRIALS = 100
"""Of an evaluation."""


def watching(model: str, run: Path, network: GraspNetwork, task: str) -> list[keras.callbacks.Callback]:
    """Callbacks for a training on a simulated task.

    Args:
        model: Its name; a prior is drawn but not evaluated, as it is no policy.
        run: The run's folder.
        network: What is trained.
        task: What lies in the tray.
    """
    folder, every = run / "tensorboard", max(1, round(network.config.train.steps / EPOCH_STEPS / LOOKS))
    pictures = TrainingPictures(folder, network, task, every)
    if model == "prior":
        return [pictures]
    policy = CemPolicy if model == "critic" else ActorPolicy
    return [pictures, Monitor(folder, network, task, policy, every=every, trials=TRIALS)]
