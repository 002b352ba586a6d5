"""The picture of Figure 2: the paper's violins over what goes past them."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grasp_tfp.experiments.oracle_cem import exponential

__all__ = ["PAPER_DIMENSIONS", "draw_fig2", "of_radius"]

Result = dict[str, Any]

PAPER_DIMENSIONS = 6
PAPER_REPEATS = 100
RED = "#d7301f"
BLUE = "#1f4e9c"


def draw_fig2(results: list[Result], fits: dict[str, Any]) -> Figure:
    """Draws the two violin plots and, below, growth, success, training and inference for every D.

    Args:
        results: What `fig2` measured, for each D and r.
        fits: For each r and each kind of mean, what `growth_in_ranges` gave.
    """
    figure = Figure(figsize=(15, 8.2), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[1.15, 1])
    for axes, radius in zip(
        grid[0].subgridspec(1, len(fits)).subplots(squeeze=False)[0], map(float, fits), strict=True
    ):
        _draw_violins(axes, of_radius(results, radius)[:PAPER_DIMENSIONS], radius)
    lower = list(grid[1].subgridspec(1, 4).subplots(squeeze=False)[0])
    for radius, colour, marker in zip(map(float, fits), (BLUE, RED), "os", strict=True):
        _draw_beyond(lower, of_radius(results, radius), fits[str(radius)], {"color": colour, "marker": marker})
    titles = (
        "Mean iterations of CEM, failures as 50;\nfits: line solid, exponential dotted",
        "Share of tasks solved",
        "Training steps until the actor\nsolves 99 % of unseen tasks",
        "Inference for one task [ms of CPU]",
    )
    for axes, title in zip(lower, titles, strict=True):
        axes.set(xlabel="D", ylim=(0, None), title=title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure


def of_radius(results: list[Result], radius: float) -> list[Result]:
    """The results of one r, by D."""
    return [result for result in results if result["radius"] == radius]


def _draw_violins(axes: Axes, results: list[Result], radius: float) -> None:
    runs = [np.array(r["cem"]["iterations"][:PAPER_REPEATS], float) for r in results]
    parts: dict[str, Any] = axes.violinplot(runs, [r["dimensions"] for r in results], showmedians=True, widths=0.8)
    for body in parts["bodies"]:
        body.set(facecolor="#6baed6", alpha=0.7)
    for name in ("cmins", "cmedians", "cmaxes", "cbars"):
        parts[name].set(color=RED, linewidth=1.6 if name != "cbars" else 0.8)
    axes.axhline(1, color=BLUE, linestyle="--", label="actor")
    axes.set(xlabel="dimensions of the action space, D", ylabel="iterations to the first success",
             title=f"r = {radius}, {len(runs[0])} runs of CEM each")  # fmt: skip
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left")


def _draw_beyond(panels: list[Axes], results: list[Result], fits: dict[str, Any], style: dict[str, Any]) -> None:
    """Adds one r to the four lower panels."""
    growing, success, training, inference = panels
    label, size = f"r = {results[0]['radius']}", [r["dimensions"] for r in results]
    total = len(results[0]["cem"]["iterations"])
    growing.plot(size, [r["cem"]["mean"] for r in results], linestyle="", label=label, **style)
    _draw_fits(growing, fits["mean"], style["color"])
    actor, cem = style | {"markersize": 9, "fillstyle": "none"}, style | {"linestyle": "--", "markersize": 5}
    success.plot(size, [r["actor"]["hits"] / total for r in results], label=f"actor, 1 iteration, {label}", **actor)
    success.plot(size, [1 - r["cem"]["failed"] / total for r in results], label=f"CEM, 50 iterations, {label}", **cem)
    training.plot(size, [r["actor"]["steps_to_trained"] or np.nan for r in results], label=label, **style)
    inference.plot(size, [r["actor"]["milliseconds"] for r in results], label=f"actor, {label}", **actor)
    inference.plot(size, [r["cem"]["milliseconds"] for r in results], label=f"CEM with an oracle, {label}", **cem)


def _draw_fits(axes: Axes, fits: dict[str, Any], colour: str) -> None:
    name, fit = list(fits.items())[-1]
    low, high = map(int, name.removeprefix("D=").split(".."))
    x = np.linspace(low, high, 50)
    line, curve = fit["linear"], fit["exponential"]
    axes.plot(x, line["a"] + line["b"] * x, color=colour, linewidth=1)
    axes.plot(x, exponential(x, curve["a"], curve["b"]), ":", color=colour, linewidth=1.4)
