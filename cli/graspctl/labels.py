"""`graspctl robots labels`: what the pictures of a cell look like when nothing was held."""

from typing import Annotated

import typer

from grasp_tfp.errors import UsageError
from graspctl.connected import IMAGE_SIZE, Name, connected
from graspctl.console import Progress, summary

__all__ = ["labels"]


def labels(
    name: Name,
    pairs: Annotated[int, typer.Option("--pairs", min=20, help="Pictures before and after, with an empty jaw.")] = 20,
    corners: Annotated[
        str | None,
        typer.Option("--corners", metavar="'X,Y X,Y X,Y X,Y'", help="Of the tray's floor, in pinned/NAME/view.png."),
    ] = None,
) -> None:
    """Example: graspctl robots labels kuka-3 --corners '52,285 238,171 419,268 265,420'

    Learns how much two pictures of the tray differ when nothing was held: the arm comes aside, opens its empty jaw over
    the tray, and comes aside again, as often as --pairs says. Change the light and stir the objects meanwhile. The same
    line goes on where it was interrupted, and learns anew from the pictures that are there.
    """
    from grasp_tfp.robots.cell import RosbridgeRobot
    from grasp_tfp.robots.labels import labels_folder, learn_labels, take_pairs

    folder, found = labels_folder(name), _corners(corners)
    with connected(name, dry_run=False) as robot, Progress("pairs") as progress:
        if not isinstance(robot, RosbridgeRobot):
            raise UsageError(
                f"{name} is simulated, and knows what it holds. Learn labels for a robot behind rosbridge."
            )
        settings = robot.arm.settings
        if found is None and not settings.twin:
            raise UsageError(
                "Expected --corners: of the tray's floor, in order, in the picture that graspctl robots pin-camera "
                f"{name} writes. Nothing has moved."
            )
        taken = take_pairs(robot.empty_pair, folder, pairs, progress.update)
    note = learn_labels(folder, found or _corners_of_the_twin(), settings.camera.crop)
    summary(
        f"{folder / 'labels.json'}, from {note['pairs']} pairs, {taken} of them new",
        [
            f"pictures differ by up to {note['largest_score']:.2f} of 255 levels with an empty jaw",
            f"a failure differs by at most {note['failure_below']:.2f}, a success by at least "
            f"{note['success_above']:.2f}; between them the operator is asked",
            f'the fleet file uses it with labels = "labels/{name}/labels.json" in [{name}]',
        ],
        f"graspctl robots check {name}",
    )


def _corners(text: str | None) -> list[list[float]] | None:
    """Four corners in a pinned view as parts of its edge."""
    if text is None:
        return None
    try:
        found = [[float(number) / IMAGE_SIZE for number in corner.split(",")] for corner in text.split()]
    except ValueError:
        found = []
    if [len(corner) for corner in found] != [2] * 4 or not all(0 <= part <= 1 for corner in found for part in corner):
        raise UsageError(
            f"Expected four corners x,y of a picture of {IMAGE_SIZE} pixels, received --corners {text!r}. "
            "Give them in order, such as '52,285 238,171 419,268 265,420'."
        )
    return found


def _corners_of_the_twin() -> list[list[float]]:
    from grasp_tfp.sim.dropping import tray_corners

    return [[float(part) for part in corner] for corner in tray_corners(1)]
