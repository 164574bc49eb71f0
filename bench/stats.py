"""Statistics of scores: means with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95  # two-sided


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % confidence interval; none where one value leaves it open."""

    mean: float
    ci_low: float | None
    ci_high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        return None if self.ci_high is None else self.ci_high - self.mean


def mean_with_interval(values: Sequence[float]) -> Mean:
    r"""Mean of ``values`` and its 95 % interval by Student's t.

    .. math:: \bar x \pm t_{0.975,\,n-1}\, s / \sqrt{n}

    Raises:
        ValueError: there are no values.

    >>> mean_with_interval([1.0, 2.0, 3.0, 4.0]).half_width
    2.0542603...
    """
    if not values:
        raise ValueError("a mean of no values was asked for.")
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if array.size < 2:
        return Mean(mean, None, None, 1)
    quantile = float(stdtrit(array.size - 1, 0.5 + LEVEL / 2))
    half = quantile * float(array.std(ddof=1)) / math.sqrt(array.size)
    return Mean(mean, mean - half, mean + half, array.size)
