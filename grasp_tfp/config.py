"""What a training run is made of: frozen sections with presets, a TOML file and single overrides on top."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from grasp_tfp.config_values import changed, read_overrides, read_toml, require_positive
from grasp_tfp.errors import UsageError, unknown_name

__all__ = [
    "MERGES",
    "NUM_SAMPLES",
    "PRESETS",
    "ActionConfig",
    "Config",
    "CriticConfig",
    "DensityConfig",
    "TrainConfig",
    "VisionConfig",
    "load_config",
]

NUM_SAMPLES = 64
"""Actions sampled for each observation (Section VI-B)."""

SCALES = ("predicted", "learned", "fixed")
SCALE_FUNCTIONS = ("softplus", "exp")

MERGES = ("late", "map")
"""Where a critic's action meets the image: after the trunk, or inside its convolutions."""


@dataclasses.dataclass(frozen=True)
class VisionConfig:
    """The image network: seven convolutions, a spatial softmax, two dense layers (Section V)."""

    image_size: int = 64
    """Width and height of both input images [px]."""

    filters: tuple[int, ...] = (16, 24, 32, 32, 32, 32)
    """Output channels of every convolution but the last, which yields the feature points."""

    kernels: tuple[int, ...] = (5, 3, 3, 3, 3, 3, 3)
    """Kernel size of every convolution [px]."""

    strides: tuple[int, ...] = (2, 1, 2, 1, 1, 1, 1)
    """Stride of every convolution [px]."""

    feature_points: int = 48
    """Maps of the spatial softmax; each yields the expected x and y of one feature."""

    attended_values: int = 8
    """Values that each feature point reads off the image beside its coordinates; 0 as in the paper."""

    temperature: float = 5.0
    """Initial sharpness that the spatial softmax multiplies its maps by; learnable."""

    ramp: float = 2.0
    """Initial spread of the learnable slope of every map, which tells identical objects apart; 0 for none."""

    batch_norm: bool = False
    """Whether every convolution is followed by batch normalisation, which doubles its time on a CPU."""

    dense: tuple[int, ...] = (256, 128)
    """Widths of the dense layers; the last one is the size of the features."""

    dropout: float = 0.2
    """Share of the dense layers' outputs that is dropped in training: a few thousand scenes are easily memorised."""

    def __post_init__(self) -> None:
        """Reject sizes that no network can have."""
        if self.dropout >= 1:
            raise UsageError(f"Invalid value for vision.dropout: expected below 1, received {self.dropout}.")
        require_positive("vision", self, "image_size", "filters", "kernels", "strides", "feature_points", "dense")
        layers = len(self.filters) + 1
        for name in ("kernels", "strides"):
            if len(getattr(self, name)) != layers:
                raise UsageError(f"vision.{name} needs {layers} numbers, one more than vision.filters: "
                                 f"received {len(getattr(self, name))}.")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ActionConfig:
    """What the network's actions are."""

    size: int = 4
    """Numbers of an action: 4 for (dx, dy, dz, dyaw), 6 with a rotation vector in place of dyaw."""

    yaw_period: float = 0.0
    """Turn after which a grasp is the same [rad], where the density over dyaw wraps around: π for a parallel jaw, 2π
    without its symmetry. 0 keeps dyaw in [-π/2, π/2) and gives the density tails there."""

    def __post_init__(self) -> None:
        """Reject actions that there are not."""
        require_positive("action", self)
        if self.size not in (4, 6):
            raise UsageError(f"Invalid value for action.size: expected 4 or 6, received {self.size}.")
        if self.size == 6 and self.yaw_period:
            raise UsageError(f"action.yaw_period has no meaning for rotation vectors (action.size = 6): "
                             f"expected 0, received {self.yaw_period}.")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class DensityConfig:
    """The density over actions (Section IV-A)."""

    components: int = 8
    """Gaussians of the mixture, k in the paper."""

    couplings: int = 4
    """Affine coupling layers of each Real NVP transformation."""

    hidden: int = 64
    """Width of the hidden layer of each coupling's network."""

    log_scale_bound: float = 2.0
    """Largest absolute log-scale of a coupling; without a bound, training meets NaN."""

    scale: str = "predicted"
    """Where standard deviations come from: `predicted` from the observation, `learned` without it, or `fixed`."""

    scale_function: str = "softplus"
    """What makes them positive, `softplus` or `exp`; with `learned`, `exp` escapes a wide start far sooner."""

    initial_scale: float = 1.0
    """Standard deviation of the Gaussians at the start, in whitened actions."""

    scale_floor: float = 0.03
    """Smallest standard deviation of the Gaussians, in whitened actions."""

    def __post_init__(self) -> None:
        """Reject sizes that no density can have."""
        for field, choices in (("scale", SCALES), ("scale_function", SCALE_FUNCTIONS)):
            if (value := getattr(self, field)) not in choices:
                raise unknown_name(f"density.{field}", value, choices)
        require_positive("density", self, "components", "couplings", "hidden", "log_scale_bound", "initial_scale")
        if self.scale_floor >= self.initial_scale:
            raise UsageError(f"density.scale_floor must be below density.initial_scale ({self.initial_scale}): "
                             f"received {self.scale_floor}.")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class CriticConfig:
    """The critic Q(s, a) (Section VI-B)."""

    merge: str = "late"
    """Where the action meets the image: `late` joins the trunk's features, which one pass yields for any number of
    actions; `map` adds the action to a map of the convolutions, whose rest runs once per action."""

    merge_layer: int = 4
    """After how many convolutions the action is added, if `merge` is `map`."""

    glances: int = 8
    """Places of the image that an action looks at, if `merge` is `late`."""

    hidden: tuple[int, ...] = (256, 256)
    """Widths of the dense layers that the action passes."""

    def __post_init__(self) -> None:
        """Reject what no critic can be."""
        if self.merge not in MERGES:
            raise unknown_name("value of critic.merge", self.merge, MERGES)
        require_positive("critic", self, "merge_layer", "glances", "hidden")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How a network is fitted."""

    batch_size: int = 64
    """Examples per step."""

    steps: int = 6000
    """Optimisation steps."""

    learning_rate: float = 1.5e-3
    """Peak rate of AdamW; it falls linearly to zero over the second half."""

    warmup_steps: int = 50
    """Steps over which the rate rises from zero."""

    weight_decay: float = 1e-4
    """Decoupled weight decay of AdamW."""

    clip_norm: float = 10.0
    """Largest global norm of a gradient."""

    ema_momentum: float = 0.995
    """Momentum of the moving average of the weights, which is what a run keeps."""

    label_noise: tuple[float, ...] = (0.003, 0.003, 0.010, math.radians(2))
    """Standard deviation of the noise added to the numbers of every label, such as (dx, dy, dz) [m] and dyaw [rad]."""

    entropy: float = 0.0
    """Weight α of the maximum-entropy regulariser of an actor (Section IV-B), which training on its own grasps may
    need; 0 for none."""

    patience: int = 0
    """Epochs in a row without a better validation loss after which training ends early; 0 for never."""

    pose_loss: float = 0.3
    """Weight of reading the gripper's own pose off the image, which every robot knows."""

    photometric: float = 0.0
    """Strength of the random changes of brightness, contrast, saturation and hue of the training images, up to 1."""

    random_shift: int = 0
    """Largest random shift of the training images across and down, the same for both of an example [px]."""

    seed: int = 0
    """Start of every random choice of the run."""

    def __post_init__(self) -> None:
        """Reject numbers that no run can have."""
        require_positive("train", self, "batch_size", "steps", "learning_rate", "clip_norm")
        if self.photometric > 1:
            raise UsageError(f"Invalid value for train.photometric: expected 0 to 1, received {self.photometric}.")
        if len(self.label_noise) not in (4, 6):
            raise UsageError(f"train.label_noise needs 4 numbers (dx, dy, dz, dyaw), or 6 with a rotation vector: "
                             f"received {self.label_noise}.")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides what a training run computes, besides its data."""

    vision: VisionConfig = VisionConfig()
    action: ActionConfig = ActionConfig()
    density: DensityConfig = DensityConfig()
    critic: CriticConfig = CriticConfig()
    train: TrainConfig = TrainConfig()

    def __post_init__(self) -> None:
        """Reject sections that do not fit each other."""
        layers = len(self.vision.kernels)
        if self.critic.merge_layer > layers:
            raise UsageError(f"Invalid value for critic.merge_layer: expected at most {layers}, the convolutions of "
                             f"vision, received {self.critic.merge_layer}.")  # fmt: skip

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The sections as plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """The inverse of `to_dict`; what is missing keeps its default.

        Raises:
            UsageError: If a section, key or type is wrong.
        """
        config: Config = changed(cls(), values)
        return config


_PAPER_VISION = VisionConfig(
    image_size=472,
    filters=(32, 32, 64, 64, 64, 64),
    kernels=(6, 3, 3, 3, 3, 3, 3),
    strides=(2, 2, 2, 1, 1, 1, 1),
    feature_points=128,
    attended_values=0,
    temperature=1.0,
    ramp=0.0,
    batch_norm=True,
    dense=(64, 64),
    dropout=0.0,
)
"""The paper's network. It gives neither filters nor strides: as in its nearest relative, the Grasping44 of QT-Opt, the
first kernel is 6 x 6 with stride 2, 3 x 3 kernels of 64 channels and batch normalisation follow, and both dense layers
have 64 units. Two more strides stand for its pooling, so that a map of 59 x 59 places, 8 pixels each, reaches the
spatial softmax; half the channels do where maps are large, which is where a first layer's time goes."""

PRESETS = {
    "laptop": Config(),
    "paper": Config(vision=_PAPER_VISION, train=TrainConfig(batch_size=32, steps=200_000, learning_rate=1e-4)),
}


def load_config(preset: str = "laptop", toml_path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """A preset, changed by a TOML file, changed by overrides.

    Args:
        preset: Name of one of `PRESETS`.
        toml_path: File with the tables `[vision]`, `[action]`, `[density]`, `[critic]` and `[train]`.
        overrides: Single values, such as `train.learning_rate=1e-4` or `vision.dense=[256, 128]`.

    Raises:
        UsageError: If a name is unknown, a value has the wrong type, or the file cannot be read.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    tables = [read_toml(toml_path)] if toml_path is not None else []
    config: Config = functools.reduce(changed, [*tables, read_overrides(overrides)], PRESETS[preset])
    return config
