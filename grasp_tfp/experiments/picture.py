"""Writing a figure in one piece."""

import os
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

__all__ = ["save_picture"]


def save_picture(figure: Figure, path: Path, dpi: int) -> None:
    """Writes a PNG that appears when it is whole.

    Args:
        figure: What to write.
        path: The file, in a folder that exists.
        dpi: Pixels per inch of the figure.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".png", delete=False) as file:
        figure.savefig(file, format="png", dpi=dpi)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
