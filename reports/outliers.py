"""Values that stand out from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTLYING = 3.5  # modified z score; Iglewicz and Hoaglin (1993), How to Detect Outliers, section 3.3
NORMAL = 0.6745  # median absolute deviation of a normal distribution of unit spread
MIN_VALUES = 3


def outliers(values: NDArray[np.float64]) -> list[int]:
    """Indices of the values whose modified z score stands out, the farthest first."""
    present = np.isfinite(values)
    if present.sum() < MIN_VALUES:
        return []
    deviation = np.abs(values - np.median(values[present]))
    scale = float(np.median(deviation[present])) / NORMAL
    if scale == 0:
        return []
    score = np.where(present, deviation / scale, 0.0)
    far = np.flatnonzero(score > OUTLYING)
    return [int(index) for index in far[np.argsort(-score[far], kind="stable")]]
