"""Arrays as small pictures inside the page."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 20  # more make the file larger and tell nothing more


def png_uri(
    values: NDArray[np.floating],
    *,
    low: float,
    high: float,
    colours: str,
    n_levels: int = LEVELS,
    height: int = 0,
) -> str:
    """A picture as a ``data:`` address.

    Args:
        values: shape ``(rows, columns)``; the first row is drawn at the bottom.
        low: value of the first colour; lower ones are drawn alike.
        high: value of the last colour.
        colours: name of a colour map of matplotlib.
        n_levels: number of its colours that are used.
        height: rows of the picture, where it is to have more than the array has; 0 for as many.
    """
    from matplotlib import colormaps
    from PIL import Image

    steps = np.round((np.clip(values, low, high) - low) / (high - low) * (n_levels - 1))
    picture = Image.fromarray(steps[::-1].astype(np.uint8), "P")
    palette = np.asarray(colormaps[colours](np.linspace(0, 1, n_levels)))[:, :3]
    picture.putpalette(np.round(255 * palette).astype(np.uint8).tobytes())
    if height:
        picture = picture.resize((picture.width, height), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
