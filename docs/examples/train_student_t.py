"""Trains an actor with the density of `student_t.py`."""

from collections.abc import Iterable
from pathlib import Path

import student_t

from grasp_datasets.dataset import open_dataset
from grasp_datasets.readers import actor_batches
from grasp_tfp.config import load_config
from grasp_tfp.models import bundle
from grasp_tfp.models.actor import build_actor
from grasp_tfp.training.off_policy import train

__all__ = ["train_student_t"]


def train_student_t(data: Path, run: Path, overrides: Iterable[str] = ()) -> bundle.Bundle:
    """Trains on a dataset of `graspctl convert` and writes a bundle to `run`."""
    config = load_config("laptop", overrides=overrides)
    batch, size = config.train.batch_size, config.vision.image_size
    examples = actor_batches(data, "train", batch, config.train.seed, image_size=size)
    validation = actor_batches(data, "validation", batch, config.train.seed, image_size=size, epochs=1)
    actor = build_actor(config, "student-t")
    train(actor, examples, validation, run)
    return bundle.export(actor, run / "bundle", {"cell": open_dataset(data).metadata["cell"]})


if __name__ == "__main__":
    print(f"{student_t.__doc__} Trained: {train_student_t(Path('out'), Path('runs/student-t')).digest[:12]}")
