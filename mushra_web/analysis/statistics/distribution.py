"""The shape of a distribution of ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BIMODAL = 5 / 9  # what a uniform distribution has; ITU-R BS.1534-3, attachment 4
SKEWED, HEAVILY_SKEWED = 0.5, 1.0  # of residuals; ITU-R BS.1534-3, attachment 4


def skewness(values: NDArray[np.float64]) -> float | None:
    r"""Skewness, corrected for small samples; none for fewer than three or equal values.

    .. math:: G_1 = \frac{\sqrt{n (n - 1)}}{n - 2} \, \frac{m_3}{m_2^{3/2}}

    Source: Joanes and Gill (1998), "Comparing measures of sample skewness and kurtosis".
    """
    n = values.size
    centred = values - values.mean()
    spread = float(np.mean(centred**2))
    if n < 3 or spread == 0:
        return None
    return float(np.sqrt(n * (n - 1)) / (n - 2) * np.mean(centred**3) / spread**1.5)


def excess_kurtosis(values: NDArray[np.float64]) -> float | None:
    r"""Excess kurtosis, corrected for small samples; none for fewer than four or equal values.

    .. math:: G_2 = \frac{n - 1}{(n - 2)(n - 3)} \left((n + 1)
        \left(\frac{m_4}{m_2^2} - 3\right) + 6\right)

    Source: Joanes and Gill (1998).
    """
    n = values.size
    centred = values - values.mean()
    spread = float(np.mean(centred**2))
    if n < 4 or spread == 0:
        return None
    plain = float(np.mean(centred**4)) / spread**2 - 3
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * plain + 6)


def bimodality(values: NDArray[np.float64]) -> float | None:
    r"""Bimodality coefficient; above 5/9 two groups of listeners are likely.

    .. math:: b = \frac{G_1^2 + 1}{G_2 + 3 (n - 1)^2 / ((n - 2)(n - 3))}

    Source: ITU-R BS.1534-3, attachment 4; Pfister et al. (2013), "Good things peak in pairs".
    """
    skew, kurtosis, n = skewness(values), excess_kurtosis(values), values.size
    if skew is None or kurtosis is None:
        return None
    return (skew**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))
