"""How far a critic's probabilities can be trusted, on trials that it did not learn from."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from grasp_tfp.calibration import ReliabilityBin, area_under_curve, calibration_error, reliability
from grasp_tfp.experiments.picture import save_picture
from grasp_tfp.files import write_json
from grasp_tfp.models.bundle import Bundle

__all__ = ["CalibrationReport", "calibrate"]


@dataclasses.dataclass(frozen=True)
class CalibrationReport:
    """What `calibrate` found."""

    examples: int
    area_under_curve: float
    binary_cross_entropy: float
    """Of the probabilities, over the collection [nat]."""

    base_cross_entropy: float
    """The same of a critic that always says the base rate."""

    calibration_error: float
    bins: tuple[ReliabilityBin, ...]


def calibrate(critic: Bundle, validation: tf.data.Dataset, run: Path) -> CalibrationReport:
    """Compares a critic's values with what came, and writes `calibration.json` and `calibration.png`.

    Failures that the dataset left out are counted by weighting those that it kept.

    Args:
        critic: The critic.
        validation: Batches of `critic_batches`, in a single pass.
        run: Folder to write to.
    """
    found = [(_values(critic, inputs), success.numpy()) for inputs, success in validation]
    probability, success = (np.concatenate(part).astype(np.float64) for part in zip(*found, strict=True))
    weight = np.where(success > 0, 1.0, 1 / critic.manifest["failures_kept"])
    base = np.full_like(probability, np.average(success, weights=weight))
    bins = reliability(probability, success, weight)
    report = CalibrationReport(
        examples=len(success),
        area_under_curve=area_under_curve(probability, success),
        binary_cross_entropy=_cross_entropy(probability, success, weight),
        base_cross_entropy=_cross_entropy(base, success, weight),
        calibration_error=calibration_error(bins),
        bins=tuple(bins),
    )
    write_json(run / "calibration.json", dataclasses.asdict(report))
    save_picture(_diagram(report), run / "calibration.png", 110)
    return report


def _values(critic: Bundle, inputs: dict[str, Any]) -> Any:
    return critic.value(critic.encode(inputs["image"], inputs["initial_image"]), inputs["action"][:, None])[:, 0]


def _cross_entropy(probability: Any, success: Any, weight: Any) -> float:
    likely = np.clip(np.where(success > 0, probability, 1 - probability), 1e-7, 1)
    return float(-np.average(np.log(likely), weights=weight))


def _diagram(report: CalibrationReport) -> Figure:
    figure = Figure(figsize=(4.6, 5.4), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="#999999", linewidth=1, label="perfect")
    predicted = [own.predicted for own in report.bins]
    above.plot(predicted, [own.observed for own in report.bins], "o-", color="#1a9641", label="critic")
    above.set(ylabel="share that held", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    error, area = report.calibration_error, report.area_under_curve
    above.set_title(f"{report.examples:,} steps: calibration error {error:.3f}, AUC {area:.3f}", fontsize=10)
    above.legend(frameon=False)
    widths = [own.high - own.low for own in report.bins]
    below.bar(
        [own.low for own in report.bins], [own.weight for own in report.bins], widths, align="edge", color="#999999"
    )
    below.set(xlabel="predicted probability of success", ylabel="share of steps", yscale="log")
    return figure
