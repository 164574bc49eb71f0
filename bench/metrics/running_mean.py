"""A mean over blocks of a signal that never lies in memory as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class RunningMean:
    """Mean over blocks of float32 values, summed in float64.

    >>> import numpy as np
    >>> mean = RunningMean()
    >>> mean.add(np.array([1.0, 2.0], np.float32))
    >>> mean.add(np.array([6.0], np.float32))
    >>> mean.value
    3.0
    """

    def __init__(self) -> None:
        """Begin without values."""
        self._sum = 0.0
        self._count = 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Take in a block of any shape."""
        self._sum += float(values.sum(dtype="float64"))
        self._count += values.size

    @property
    def value(self) -> float:
        """The mean of all values so far."""
        return self._sum / self._count
