"""Writing a figure in one piece."""

from pathlib import Path

from matplotlib.figure import Figure

from grasp_tfp.files import in_one_piece

__all__ = ["save_picture"]


def save_picture(figure: Figure, path: Path, dpi: int) -> None:
    """Writes a PNG that appears when it is whole.

    Args:
        figure: What to write.
        path: The file, in a folder that exists.
        dpi: Pixels per inch of the figure.
    """
    with in_one_piece(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi)
